#include "pkcs11/mech_generate.h"

#include "common/key.h"
#include "common/libctx.h"
#include "pkcs11/key_params.h"
#include "pkcs11/new_object.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define ITERATIONS_MAX 10000000UL /* seconds: a fork waits meanwhile */
#define PASSWORD_MAX 65536

static bool take_type(struct template *t, CK_KEY_TYPE type)
{
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		t->key_type = type;
	return t->key_type == type;
}

/* Mechanisms that make keys of one type. */
static const struct {
	CK_MECHANISM_TYPE mechanism;
	CK_KEY_TYPE type;
} makes[] = {
	{ CKM_AES_KEY_GEN, CKK_AES },
	{ CKM_HKDF_KEY_GEN, CKK_HKDF },
	{ CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC },
	{ CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC },
	{ CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC },
	{ CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC },
	{ CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC },
	{ CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC },
	{ CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC },
	{ CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC },
	{ CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC },
	{ CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC },
	{ CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC },
};

static bool take_made_type(CK_MECHANISM_TYPE mechanism, struct template *t)
{
	for (size_t i = 0; i < ARRAY_LEN(makes); i++)
		if (makes[i].mechanism == mechanism)
			return take_type(t, makes[i].type);
	return true;
}

static CK_RV random_secret(CK_ULONG len, struct secret **out)
{
	AUTO(secret) *made = NULL;
	if (secret_new(len, &made, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (RAND_priv_bytes_ex(libctx(), secret_data(made), len, 0) != 1)
		return CKR_FUNCTION_FAILED;
	*out = steal(&made);
	return CKR_OK;
}

static const char *prf_hash(CK_ULONG prf)
{
	switch (prf) {
	case CKP_PKCS5_PBKD2_HMAC_SHA1:
		return "SHA1";
	case CKP_PKCS5_PBKD2_HMAC_SHA224:
		return "SHA224";
	case CKP_PKCS5_PBKD2_HMAC_SHA256:
		return "SHA256";
	case CKP_PKCS5_PBKD2_HMAC_SHA384:
		return "SHA384";
	case CKP_PKCS5_PBKD2_HMAC_SHA512:
		return "SHA512";
	case CKP_PKCS5_PBKD2_HMAC_SHA512_224:
		return "SHA512-224";
	case CKP_PKCS5_PBKD2_HMAC_SHA512_256:
		return "SHA512-256";
	default:
		return NULL;
	}
}

static bool pbkd2_good(const CK_MECHANISM *mechanism)
{
	const CK_PKCS5_PBKD2_PARAMS2 *p = mechanism->pParameter;
	return p && mechanism->ulParameterLen == sizeof(*p) && p->saltSource == CKZ_SALT_SPECIFIED &&
	       p->pSaltSourceData && p->ulSaltSourceDataLen >= 1 && p->ulSaltSourceDataLen <= PASSWORD_MAX &&
	       p->iterations >= 1 && p->iterations <= ITERATIONS_MAX && prf_hash(p->prf) && !p->ulPrfDataLen &&
	       p->ulPasswordLen <= PASSWORD_MAX && (p->pPassword || !p->ulPasswordLen);
}

/* RFC 8018 5.2; PKCS #11 3.0, 2.41. */
static CK_RV pbkd2(const CK_PKCS5_PBKD2_PARAMS2 *p, CK_ULONG len, struct secret **out)
{
	AUTO(secret) *made = NULL;
	unsigned long iterations = p->iterations;
	int any_length = 1; /* what is too weak is for who made the parameters to say */
	if (secret_new(len, &made, NULL) != OK)
		return CKR_HOST_MEMORY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)prf_hash(p->prf), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, p->pPassword ? p->pPassword : (void *)"",
						  p->ulPasswordLen),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, p->pSaltSourceData, p->ulSaltSourceDataLen),
		OSSL_PARAM_construct_ulong(OSSL_KDF_PARAM_ITER, &iterations),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &any_length),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(libctx(), "PBKDF2", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool good = ctx && EVP_KDF_derive(ctx, secret_data(made), len, params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	if (!good)
		return CKR_FUNCTION_FAILED;
	*out = steal(&made);
	return CKR_OK;
}

CK_RV mech_generate_secret(const CK_MECHANISM *mechanism, struct template *t, struct secret **out)
{
	bool derived = mechanism->mechanism == CKM_PKCS5_PBKD2;
	if (derived ? !pbkd2_good(mechanism) : mechanism->ulParameterLen != 0)
		return CKR_MECHANISM_PARAM_INVALID;
	if (!take_made_type(mechanism->mechanism, t))
		return CKR_TEMPLATE_INCONSISTENT;
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		t->key_type = CKK_GENERIC_SECRET;
	if (!new_object_is_secret_type(t->key_type) ||
	    (mechanism->mechanism == CKM_GENERIC_SECRET_KEY_GEN && t->key_type == CKK_AES))
		return CKR_TEMPLATE_INCONSISTENT;
	if (!template_has(t, CKA_VALUE_LEN))
		return CKR_TEMPLATE_INCOMPLETE;
	if (!new_object_length_good(t->key_type, t->value_len))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return derived ? pbkd2(mechanism->pParameter, t->value_len, out) : random_secret(t->value_len, out);
}

static CK_RV run_keygen(const char *type, OSSL_PARAM *params, EVP_PKEY **out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx(), type, NULL);
	bool good = ctx && EVP_PKEY_keygen_init(ctx) > 0 && (!params || EVP_PKEY_CTX_set_params(ctx, params) > 0) &&
		    EVP_PKEY_generate(ctx, out) > 0;
	EVP_PKEY_CTX_free(ctx);
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV generate_rsa(struct template *public, EVP_PKEY **out)
{
	static const uint8_t f4[] = { 1, 0, 1 };
	if (!template_has(public, CKA_MODULUS_BITS))
		return CKR_TEMPLATE_INCOMPLETE;
	if (public->modulus_bits < 2048 || public->modulus_bits > 4096 || public->modulus_bits % 8)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	struct bytes e = public->public_exponent.len ? public->public_exponent : BYTES(f4);
	uint64_t exponent = 0;
	for (size_t i = 0; i < e.len; i++) {
		if (exponent >> 56)
			return CKR_ATTRIBUTE_VALUE_INVALID;
		exponent = exponent << 8 | e.data[i];
	}
	/* FIPS 186-4 B.3.1 wants this much, and OpenSSL cannot do very large ones in reasonable time. */
	if (exponent < 65537 || exponent % 2 == 0 || exponent >> 33)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	size_t bits = public->modulus_bits;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits),
		OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_construct_end(),
	};
	return run_keygen(LIBCTX_RSA, params, out);
}

static CK_RV generate_curve(struct template *public, CK_KEY_TYPE type, EVP_PKEY **out)
{
	struct key_curve curve;
	if (!public->ec_params.len)
		return CKR_TEMPLATE_INCOMPLETE;
	if (!key_curve_find(public->ec_params, type, &curve))
		return CKR_CURVE_NOT_SUPPORTED;
	if (!curve.ec)
		return run_keygen(curve.okp->dotted, NULL, out);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve.ec->group, 0),
		OSSL_PARAM_construct_end(),
	};
	return run_keygen(LIBCTX_EC, params, out);
}

static CK_RV generate_pqc(struct template *public, CK_KEY_TYPE type, EVP_PKEY **out)
{
	if (!template_has(public, CKA_PARAMETER_SET))
		return CKR_TEMPLATE_INCOMPLETE;
	const struct pqc_set *set = pqc_set_by_number(key_type_family(type), public->parameter_set);
	return set ? run_keygen(set->name, NULL, out) : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_KEY_TYPE pair_type(CK_MECHANISM_TYPE mechanism)
{
	switch (mechanism) {
	case CKM_EC_KEY_PAIR_GEN:
		return CKK_EC;
	case CKM_EC_EDWARDS_KEY_PAIR_GEN:
		return CKK_EC_EDWARDS;
	case CKM_EC_MONTGOMERY_KEY_PAIR_GEN:
		return CKK_EC_MONTGOMERY;
	case CKM_ML_KEM_KEY_PAIR_GEN:
		return CKK_ML_KEM;
	case CKM_ML_DSA_KEY_PAIR_GEN:
		return CKK_ML_DSA;
	case CKM_SLH_DSA_KEY_PAIR_GEN:
		return CKK_SLH_DSA;
	default:
		return CKK_RSA;
	}
}

CK_RV mech_generate_pair(const CK_MECHANISM *mechanism, struct template *public, struct template *private,
			 EVP_PKEY **out)
{
	CK_KEY_TYPE type = pair_type(mechanism->mechanism);
	if (mechanism->ulParameterLen)
		return CKR_MECHANISM_PARAM_INVALID;
	if (!take_type(public, type) || !take_type(private, type))
		return CKR_TEMPLATE_INCONSISTENT;
	bool rsa = type == CKK_RSA, pqc = type == CKK_ML_KEM || type == CKK_ML_DSA || type == CKK_SLH_DSA;
	if ((public->ec_params.len && (rsa || pqc)) || (template_has(public, CKA_MODULUS_BITS) && !rsa) ||
	    (template_has(public, CKA_PARAMETER_SET) && !pqc))
		return CKR_TEMPLATE_INCONSISTENT;
	if (pqc)
		return generate_pqc(public, type, out);
	return rsa ? generate_rsa(public, out) : generate_curve(public, type, out);
}
