#pragma once
#include "pkcs11/mechanism.h"

/* Signatures that take the whole message at once, with EVP_DigestSign(): EdDSA, ML-DSA, SLH-DSA. */

#define WHOLE_CONTEXT_MAX 255

/* The state of such a use. */
struct whole_state {
	OSSL_PARAM params[4]; /* for EVP_DigestSignInit_ex(); they may point into this */
	uint8_t context[WHOLE_CONTEXT_MAX];
	size_t context_len;
	int deterministic, encoding;
	CK_MECHANISM_TYPE hash; /* FIPS 204 5.4, FIPS 205 10.2.2: what comes in is this digest; 0: the message */
};

/* Makes the state of the use, with its context; it is for this use alone. */
CK_RV mech_whole_begin(struct mechanism_use *use, struct bytes context, struct whole_state **out);
CK_RV mech_whole_sign(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to,
		      CK_ULONG *len);
CK_RV mech_whole_verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature);
