/* What C_CreateObject makes keys, certificates and data of. PKCS #11 2.40, 4.5 to 4.10. */
#include "common/key_build.h"
#include "common/key_pqc.h"
#include "pkcs11/key_params.h"
#include "pkcs11/new_object.h"

static CK_RV from_secret(struct bytes value, struct material **out)
{
	struct secret *raw = NULL;
	if (secret_copy(value, &raw, NULL) != OK || material_from_secret(raw, out, NULL) != OK)
		return CKR_HOST_MEMORY;
	return CKR_OK;
}

static CK_RV from_key(enum err made, EVP_PKEY *key, bool private, struct material **out)
{
	if (made == ERR_NOMEM)
		return CKR_HOST_MEMORY;
	if (made != OK)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return material_from_key(key, private, out, NULL) == OK ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV secret_key(const struct template *t, struct material **out)
{
	if (!new_object_is_secret_type(t->key_type))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (!template_has(t, CKA_VALUE))
		return CKR_TEMPLATE_INCOMPLETE;
	if (!new_object_length_good(t->key_type, t->value.len))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return from_secret(t->value, out);
}

static CK_RV rsa_key(const struct template *t, struct material **out)
{
	bool private = t->class == CKO_PRIVATE_KEY;
	struct rsa_numbers n = {
		t->modulus, t->public_exponent, t->private_exponent, t->prime_1,
		t->prime_2, t->exponent_1,      t->exponent_2,       t->coefficient,
	};
	if (!n.n.len || !n.e.len || (private && !n.d.len))
		return CKR_TEMPLATE_INCOMPLETE;
	struct bytes *crt[] = { &n.p, &n.q, &n.dp, &n.dq, &n.qi };
	size_t have = 0;
	for (size_t i = 0; i < ARRAY_LEN(crt); i++)
		have += crt[i]->len > 0;
	/* All of them or none: with fewer the key works as well, slower. */
	for (size_t i = 0; have < ARRAY_LEN(crt) && i < ARRAY_LEN(crt); i++)
		*crt[i] = (struct bytes){ NULL, 0 };
	AUTO_OF(EVP_PKEY) *key = NULL;
	enum err e = rsa_key_build(&n, 2048, &key, NULL);
	return from_key(e, key, private, out);
}

static CK_RV curve_key(const struct template *t, struct material **out)
{
	struct key_curve curve;
	bool private = t->class == CKO_PRIVATE_KEY;
	AUTO_OF(EVP_PKEY) *key = NULL;
	struct bytes part = private ? t->value : t->ec_point;
	enum err e;
	if (!t->ec_params.len || !part.len)
		return CKR_TEMPLATE_INCOMPLETE;
	if (!key_curve_find(t->ec_params, t->key_type, &curve))
		return CKR_DOMAIN_PARAMS_INVALID;
	if (!private)
		part = key_point_bare(part, &curve);
	if (curve.ec) {
		struct ec_numbers n = { .curve = curve.ec, .point = private ? (struct bytes){ NULL, 0 } : part };
		uint8_t padded[EC_POINT_MAX] = { 0 };
		if (part.len > (private ? curve.ec->size : sizeof(padded)))
			return CKR_ATTRIBUTE_VALUE_INVALID;
		if (private) { /* some leave out leading zeros */
			memcpy(padded + curve.ec->size - part.len, part.data, part.len);
			n.d = (struct bytes){ padded, curve.ec->size };
		}
		e = ec_key_build(&n, &key, NULL);
		secret_wipe(padded, sizeof(padded));
	} else {
		struct okp_numbers n = { .curve = curve.okp };
		*(private ? &n.d : &n.x) = part;
		e = okp_key_build(&n, &key, NULL);
	}
	return from_key(e, key, private, out);
}

static CK_RV pqc_key(const struct template *t, struct material **out)
{
	enum pqc_family family = key_type_family(t->key_type);
	bool private = t->class == CKO_PRIVATE_KEY;
	AUTO_OF(EVP_PKEY) *key = NULL;
	if (!pqc_there(family))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (!template_has(t, CKA_PARAMETER_SET) || (!t->value.len && !t->seed.len))
		return CKR_TEMPLATE_INCOMPLETE;
	struct pqc_octets o = { .set = pqc_set_by_number(family, t->parameter_set), .seed = t->seed };
	if (!o.set)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*(private ? &o.private : &o.public) = t->value;
	enum err e = pqc_key_build(&o, &key, NULL);
	return from_key(e, key, private, out);
}

static CK_RV certificate(const struct template *t, struct material **out)
{
	struct secret *raw = NULL;
	AUTO(material) *m = NULL;
	if (t->certificate_type == CK_UNAVAILABLE_INFORMATION || !t->value.len || !template_has(t, CKA_SUBJECT))
		return CKR_TEMPLATE_INCOMPLETE;
	if (t->certificate_type != CKC_X_509)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (secret_copy(t->value, &raw, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (material_parse(raw, &m, NULL) != OK || !m->certificate)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	/* What is said beside the certificate must be what is in it. */
	if (!bytes_equal(t->subject, buf_bytes(&m->subject)) ||
	    (t->issuer.len && !bytes_equal(t->issuer, buf_bytes(&m->issuer))) ||
	    (t->serial.len && !bytes_equal(t->serial, buf_bytes(&m->cert_serial))))
		return CKR_TEMPLATE_INCONSISTENT;
	*out = steal(&m);
	return CKR_OK;
}

CK_RV session_object_content(const struct template *t, struct material **out)
{
	if (t->class == CKO_CERTIFICATE)
		return certificate(t, out);
	if (t->class == CKO_DATA)
		return from_secret(t->value, out);
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		return CKR_TEMPLATE_INCOMPLETE;
	if (t->class == CKO_SECRET_KEY)
		return secret_key(t, out);
	switch (t->key_type) {
	case CKK_RSA:
		return rsa_key(t, out);
	case CKK_EC:
	case CKK_EC_EDWARDS:
	case CKK_EC_MONTGOMERY:
		return curve_key(t, out);
	case CKK_ML_KEM:
	case CKK_ML_DSA:
	case CKK_SLH_DSA:
		return pqc_key(t, out);
	default:
		return CKR_ATTRIBUTE_VALUE_INVALID;
	}
}
