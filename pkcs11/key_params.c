#include "pkcs11/key_params.h"

#include "common/der.h"

#define PRINTABLE_STRING 0x13

/* PKCS #11 3.0, 2.3.3: names that may stand for the object identifier. */
static const struct {
	const char *printable, *crv;
} okp_names[] = {
	{ "edwards25519", "Ed25519" },
	{ "curve25519", "X25519" },
	{ "edwards448", "Ed448" },
	{ "curve448", "X448" },
};

static const struct okp_curve *okp_by_name(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(okp_names); i++)
		if (bytes_equal(name, bytes_str(okp_names[i].printable)))
			return okp_curve_by_crv(okp_names[i].crv);
	return NULL;
}

bool key_curve_find(struct bytes params, CK_KEY_TYPE type, struct key_curve *out)
{
	struct bytes oid = { NULL, 0 }, name = { NULL, 0 };
	if (!der_expect(&params, DER_OID, &oid) && !der_expect(&params, (enum der_tag)PRINTABLE_STRING, &name))
		return false;
	if (params.len)
		return false;
	if (type == CKK_EC) {
		const struct ec_curve *ec = oid.len ? ec_curve_by_oid(oid) : NULL;
		*out = (struct key_curve){ ec, NULL, ec ? 1 + 2 * ec->size : 0 };
		return ec != NULL;
	}
	const struct okp_curve *okp = oid.len ? okp_curve_by_oid(oid) : okp_by_name(name);
	if (!okp || okp->signs != (type == CKK_EC_EDWARDS))
		return false;
	*out = (struct key_curve){ NULL, okp, okp->size };
	return true;
}

struct bytes key_point_bare(struct bytes point, const struct key_curve *curve)
{
	struct bytes rest = point, inner;
	if (point.len != curve->point && der_expect(&rest, DER_OCTET_STRING, &inner) && !rest.len)
		return inner;
	return point;
}

enum pqc_family key_type_family(CK_KEY_TYPE type)
{
	return type == CKK_ML_KEM ? PQC_ML_KEM : type == CKK_ML_DSA ? PQC_ML_DSA : PQC_SLH_DSA;
}
