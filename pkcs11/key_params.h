#pragma once
#include "common/key_build.h"
#include "common/key_pqc.h"
#include "pkcs11/cryptoki.h"

/* CKA_EC_PARAMS and CKA_EC_POINT of all three families of curves. */
struct key_curve {
	const struct ec_curve *ec; /* CKK_EC; NULL: one of RFC 7748 */
	const struct okp_curve *okp; /* otherwise */
	size_t point; /* bytes of a public key */
};

/* From its DER: an object identifier, or (PKCS #11 3.0, 2.3.3) a name like "edwards25519". */
bool key_curve_find(struct bytes params, CK_KEY_TYPE type, struct key_curve *out);
/* Of CKK_ML_KEM, CKK_ML_DSA and CKK_SLH_DSA. */
enum pqc_family key_type_family(CK_KEY_TYPE type);
/* A public key out of its OCTET STRING; as it is where it is bare already. */
struct bytes key_point_bare(struct bytes point, const struct key_curve *curve);
