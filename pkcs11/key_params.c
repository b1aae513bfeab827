#include "pkcs11/key_params.h"

#include "common/der.h"

#define PRINTABLE_STRING 0x13

struct okp_curve {
	CK_KEY_TYPE type;
	struct bytes oid; /* DER contents */
	const char *printable;
	struct key_curve curve;
};
#define OID(text)                                                                                                      \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}
static const struct okp_curve okp_curves[] = {
	{ CKK_EC_EDWARDS, OID("\x2b\x65\x70"), "edwards25519", { NULL, "ED25519", "1.3.101.112", 32 } },
	{ CKK_EC_MONTGOMERY, OID("\x2b\x65\x6e"), "curve25519", { NULL, "X25519", "1.3.101.110", 32 } },
};

bool key_curve_find(struct bytes params, CK_KEY_TYPE type, struct key_curve *out)
{
	struct bytes oid = { NULL, 0 }, name = { NULL, 0 };
	if (!der_expect(&params, DER_OID, &oid) && !der_expect(&params, (enum der_tag)PRINTABLE_STRING, &name))
		return false;
	if (params.len)
		return false;
	if (type == CKK_EC) {
		const struct ec_curve *ec = oid.len ? ec_curve_by_oid(oid) : NULL;
		*out = (struct key_curve){ ec, NULL, NULL, ec ? 1 + 2 * ec->size : 0 };
		return ec != NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(okp_curves); i++) {
		const struct okp_curve *c = &okp_curves[i];
		if (c->type != type ||
		    !(oid.len ? bytes_equal(oid, c->oid) : bytes_equal(name, bytes_str(c->printable))))
			continue;
		*out = c->curve;
		return true;
	}
	return false;
}

struct bytes key_point_bare(struct bytes point, const struct key_curve *curve)
{
	struct bytes rest = point, inner;
	if (point.len != curve->point && der_expect(&rest, DER_OCTET_STRING, &inner) && !rest.len)
		return inner;
	return point;
}
