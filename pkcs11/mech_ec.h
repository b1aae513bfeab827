#pragma once
#include "pkcs11/material.h"

/* CKM_ECDH1_DERIVE and, since the cofactor of all these curves is 1, CKM_ECDH1_COFACTOR_DERIVE, PKCS #11 2.40
 * mechanisms 2.3.8: the shared secret, or what its KDF makes of it. `length`: how many bytes are wanted, 0 = as many as
 * the curve gives. out: the caller's. */
CK_RV mech_ec_derive(const struct material *base, const CK_MECHANISM *mechanism, CK_ULONG length, struct secret **out);
