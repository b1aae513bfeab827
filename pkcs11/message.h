#pragma once
#include "pkcs11/message_iv.h"
#include "pkcs11/operation.h"

/* Encryption or decryption of many messages under one key: PKCS #11 3.0, 5.9 and 5.11, with AES-GCM and AES-CCM. An
 * error ends the message and not the process. The caller holds the session's lock and is inside the crypto gate.
 *
 * What is decrypted reaches the caller when its tag was checked: all of a message that comes by parts with its last
 * part. CCM, which has to know everything first, encrypts with the last part too. */
struct message;

/* Checks the mechanism: before operation_check_key(). CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID. */
CK_RV message_check(enum operation_kind kind, const CK_MECHANISM *from, struct operation_start *start);
CK_RV message_new(struct operation_start *start, struct message **out);
void message_free(struct message *m);
AUTO_DEFINE(message)
bool message_in_parts(const struct message *m);

/* What comes with each call. */
struct message_call {
	const void *parameter;
	CK_ULONG parameter_len;
	struct bytes aad;
};
CK_RV message_whole(struct message *m, const struct message_call *call, struct bytes in, struct operation_out out);
CK_RV message_begin(struct message *m, const struct message_call *call);
CK_RV message_next(struct message *m, const struct message_call *call, struct bytes in, struct operation_out out,
		   CK_FLAGS flags);
