#include "pkcs11/mech_kdf.h"

#include "common/libctx.h"
#include "pkcs11/mechanism.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#define INPUT_MAX 65536

CK_RV mech_kdf_check(const CK_MECHANISM *mechanism)
{
	const CK_HKDF_PARAMS *p = mechanism->pParameter;
	if (!p || mechanism->ulParameterLen != sizeof(*p) || (!p->bExtract && !p->bExpand) ||
	    !mechanism_hash_name(p->prfHashMechanism))
		return CKR_MECHANISM_PARAM_INVALID;
	bool salt = p->ulSaltType == CKF_HKDF_SALT_DATA;
	bool known = salt || p->ulSaltType == CKF_HKDF_SALT_NULL || p->ulSaltType == CKF_HKDF_SALT_KEY;
	if (p->bExtract && (!known || (salt && (!p->pSalt || !p->ulSaltLen || p->ulSaltLen > INPUT_MAX))))
		return CKR_MECHANISM_PARAM_INVALID;
	if (p->bExpand && ((p->ulInfoLen && !p->pInfo) || p->ulInfoLen > INPUT_MAX))
		return CKR_MECHANISM_PARAM_INVALID;
	return CKR_OK;
}

static int mode_of(const CK_HKDF_PARAMS *p)
{
	if (p->bExtract && p->bExpand)
		return EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
	return p->bExtract ? EVP_KDF_HKDF_MODE_EXTRACT_ONLY : EVP_KDF_HKDF_MODE_EXPAND_ONLY;
}

static bool run(OSSL_PARAM *params, struct bytes info, struct secret *to)
{
	EVP_KDF *kdf = EVP_KDF_fetch(libctx(), "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM more[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data, info.len),
		OSSL_PARAM_construct_end(),
	};
	bool good = ctx && (!info.len || EVP_KDF_CTX_set_params(ctx, more) > 0) &&
		    EVP_KDF_derive(ctx, secret_data(to), secret_len(to), params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

CK_RV mech_kdf_hkdf(struct bytes base, const CK_HKDF_PARAMS *p, struct bytes salt_key, CK_ULONG length,
		    struct secret **out)
{
	static const uint8_t zeros[EVP_MAX_MD_SIZE];
	const char *hash = mechanism_hash_name(p->prfHashMechanism);
	size_t hash_len = (size_t)EVP_MD_get_size(mechanism_md(hash));
	int mode = mode_of(p);
	AUTO(secret) *made = NULL;
	if (!length)
		length = hash_len;
	if (p->bExpand ? length > 255 * hash_len : length > hash_len)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	struct bytes salt = { zeros, hash_len }; /* RFC 5869 2.2: where none is provided */
	if (p->ulSaltType == CKF_HKDF_SALT_DATA)
		salt = (struct bytes){ p->pSalt, p->ulSaltLen };
	else if (p->ulSaltType == CKF_HKDF_SALT_KEY)
		salt = salt_key;
	/* An extract alone gives the whole hash, of which the leading bytes are taken. */
	if (secret_new(p->bExpand ? length : hash_len, &made, NULL) != OK)
		return CKR_HOST_MEMORY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)hash, 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)base.data, base.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data, salt.len),
		OSSL_PARAM_construct_end(),
	};
	if (!run(params, (struct bytes){ p->pInfo, p->bExpand ? p->ulInfoLen : 0 }, made))
		return CKR_FUNCTION_FAILED;
	secret_truncate(made, length);
	*out = steal(&made);
	return CKR_OK;
}
