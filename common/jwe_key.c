#include "common/jwe.h"

#include "common/constant_time.h"
#include "common/key_build.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/err.h>
#include <openssl/rand.h>
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
	openssl_errors_drop();
	if (good != 1)
		return err_set(em, ERR_INTEGRITY, "OAEP: does not open");
	secret_truncate(plain, len);
	*out = steal(&plain);
	return OK;
}

/* RFC 8017 7.2.2 step 3 for a message whose length is known: 00 02, bytes that are not zero, 00, the message. A mask.
 */
static size_t pkcs1_holds(const uint8_t *block, size_t k, size_t len)
{
	size_t holds = mask_zero(block[0]) & mask_zero(block[1] ^ 2u) & mask_zero(block[k - len - 1]);
	for (size_t i = 2; i < k - len - 1; i++)
		holds &= ~mask_zero(block[i]);
	return holds;
}

static enum err pkey_pkcs1_decrypt(void *key, struct bytes wrapped, size_t len, struct secret **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	AUTO(secret) *block = NULL;
	AUTO(secret) *message = NULL;
	size_t k = (size_t)EVP_PKEY_get_size(key);
	size_t got = k;
	if (wrapped.len != k || k < len + 11)
		return err_set(em, ERR_INTEGRITY, "RSA: a message of another length than the key's");
	enum err e = secret_new(k, &block, em);
	if (e == OK)
		e = secret_new(len, &message, em);
	if (e != OK)
		return e;
	uint8_t *to = secret_data(message);
	if (RAND_priv_bytes_ex(libctx(), to, len, 0) != 1 || !ctx || EVP_PKEY_decrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1)
		return err_openssl(em, ERR_CRYPTO, "RSA");
	/* Fails where the input is not below the modulus, which everybody can see. */
	int done = EVP_PKEY_decrypt(ctx, secret_data(block), &got, wrapped.data, wrapped.len);
	openssl_errors_drop();
	if (done != 1 || got != k)
		return err_set(em, ERR_INTEGRITY, "RSA: does not open");
	size_t good = pkcs1_holds(secret_data(block), k, len);
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)choose(good, secret_data(block)[k - len + i], to[i]);
	*out = steal(&message);
	return OK;
}

static enum err pkey_ecdh(void *key, EVP_PKEY *peer, struct secret **z, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	size_t len = 0;
	/* The peer's point is on the curve: it was put there in affine coordinates, which are checked. On curves of
	 * cofactor 1, as all of ours are, that is all there is to check (SP 800-56A 5.6.2.3.4), and OpenSSL's own check
	 * would multiply by the order once more, which takes as long as the derivation itself. */
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
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
		out->pkcs1_decrypt = pkey_pkcs1_decrypt;
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
