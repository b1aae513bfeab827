#pragma once
#include "pkcs11/mechanism.h"
#include "pkcs11/template.h"

/* The bytes of a new secret key: CKM_AES_KEY_GEN, CKM_GENERIC_SECRET_KEY_GEN, CKM_PKCS5_PBKD2. Fills in the template's
 * key type where the mechanism knows it. out: the caller's. */
CK_RV mech_generate_secret(const CK_MECHANISM *mechanism, struct template *t, struct secret **out);
/* A pair: CKM_RSA_PKCS_KEY_PAIR_GEN and those of the three families of curves. Fills in both key types. */
CK_RV mech_generate_pair(const CK_MECHANISM *mechanism, struct template *public, struct template *private,
			 EVP_PKEY **out);
