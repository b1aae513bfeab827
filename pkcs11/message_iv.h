#pragma once
#include "common/bytes.h"
#include "pkcs11/cryptoki.h"

#define MESSAGE_IV_MAX 128 /* what OpenSSL takes for GCM */

/* CK_GCM_MESSAGE_PARAMS and CK_CCM_MESSAGE_PARAMS, PKCS #11 3.0, 2.12.7: one message's parameters. */
struct message_params {
	CK_BYTE *iv; /* in, or out where it is generated */
	size_t iv_len;
	CK_ULONG fixed_bits;
	CK_GENERATOR_FUNCTION generator;
	CK_BYTE *tag; /* may come later than the IV */
	size_t tag_len;
	size_t data_len; /* CCM: of the message */
};
/* type: CKM_AES_GCM or CKM_AES_CCM. Without `encrypts` the generator is not looked at. CKR_MECHANISM_PARAM_INVALID. */
CK_RV message_params_read(CK_MECHANISM_TYPE type, const void *parameter, CK_ULONG len, bool encrypts,
			  struct message_params *out);
/* What an Init may say: nothing, or such a structure, whatever is in it. CKR_MECHANISM_PARAM_INVALID. */
CK_RV message_params_check_init(const CK_MECHANISM *mechanism);

/* What a process remembers, so that it gives no IV twice. */
struct message_iv {
	CK_GENERATOR_FUNCTION generator; /* the first one used; CKG_NO_GENERATE: none was */
	uint64_t count;
	uint64_t start; /* CKG_GENERATE, for short ones */
	uint8_t base[MESSAGE_IV_MAX]; /* CKG_GENERATE_COUNTER_XOR */
	size_t base_len;
	CK_ULONG base_fixed;
};
/* The IV of the next message. CKR_MECHANISM_PARAM_INVALID: too few bits are free to keep it unique, they are all used
 * up, or the process began with another generator. Uses random numbers: inside the crypto gate. */
CK_RV message_iv_next(struct message_iv *state, const struct message_params *p, uint8_t to[MESSAGE_IV_MAX]);
