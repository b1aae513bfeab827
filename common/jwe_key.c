#include "common/jwe.h"

#include "common/key_build.h"
#include "common/libctx.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

static enum err pkey_oaep_decrypt(void *key, const char *hash, struct bytes wrapped, struct secret **out,
				  struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "OAEP");
	AUTO(secret) *plain = NULL;
	size_t len = (size_t)EVP_PKEY_get_size(key);
	enum err e = secret_new(len, &plain, em);
	if (e != OK)
		return e;
	int good = EVP_PKEY_decrypt(ctx, secret_data(plain), &len, wrapped.data, wrapped.len);
	ERR_clear_error();
	if (good != 1)
		return err_set(em, ERR_INTEGRITY, "OAEP: does not open");
	secret_truncate(plain, len);
	*out = steal(&plain);
	return OK;
}

static enum err pkey_ecdh(void *key, EVP_PKEY *peer, struct secret **z, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	size_t len = 0;
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
	    EVP_PKEY_derive(ctx, NULL, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "ECDH");
	AUTO(secret) *shared = NULL;
	enum err e = secret_new(len, &shared, em);
	if (e != OK)
		return e;
	if (EVP_PKEY_derive(ctx, secret_data(shared), &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "ECDH");
	secret_truncate(shared, len);
	*z = steal(&shared);
	return OK;
}

enum err jwe_key_from_pkey(EVP_PKEY *key, struct jwe_key *out, struct errmsg *em)
{
	*out = (struct jwe_key){ .ctx = key };
	if (EVP_PKEY_is_a(key, "RSA")) {
		out->kty = "RSA";
		out->oaep_decrypt = pkey_oaep_decrypt;
		return OK;
	}
	const struct ec_curve *curve = ec_curve_of(key);
	if (!curve)
		return err_set(em, ERR_KEY, "JWE: a key that is neither RSA nor EC on P-256, P-384, P-521");
	out->kty = "EC";
	out->crv = curve->crv;
	out->ecdh = pkey_ecdh;
	return OK;
}
