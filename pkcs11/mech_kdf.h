#pragma once
#include "pkcs11/material.h"

/* CKM_HKDF_DERIVE, PKCS #11 3.0, 2.43, RFC 5869. salt_key: the value of hSaltKey, empty where none is named. length:
 * how many bytes are wanted, 0 = as many as the hash gives. out: the caller's. */
CK_RV mech_kdf_hkdf(struct bytes base, const CK_HKDF_PARAMS *p, struct bytes salt_key, CK_ULONG length,
		    struct secret **out);
/* CKR_MECHANISM_PARAM_INVALID, else CKR_OK. */
CK_RV mech_kdf_check(const CK_MECHANISM *mechanism);
