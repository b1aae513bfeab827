#pragma once
#include "pkcs11/mechanism.h"

/* One wrapping or unwrapping with AES; see mech_key_wrap.c. */
struct key_wrap {
	CK_MECHANISM_TYPE type;
	bool decrypt;
	const uint8_t *iv; /* NULL: the one of the RFC */
};

/* How many bytes come out of so many, at most. */
CK_ULONG mech_key_wrap_size(const struct key_wrap *w, CK_ULONG in_len);
/* `to` has room for mech_key_wrap_size(). CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID
 * (RFC 3394 2.2.3: the integrity check fails). */
CK_RV mech_key_wrap_run(const struct key_wrap *w, struct bytes key, struct bytes in, uint8_t *to, CK_ULONG *len);
