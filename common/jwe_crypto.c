#include "common/jwe_crypto.h"

#include "common/jwe.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)
AUTO_OF_DEFINE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

static const struct jwe_alg algs[] = {
	{ "RSA-OAEP", "RSA", "SHA1", NULL, 0 },
	{ "RSA-OAEP-256", "RSA", "SHA256", NULL, 0 },
	{ "ECDH-ES", "EC", NULL, NULL, 0 },
	{ "ECDH-ES+A128KW", "EC", NULL, "AES-128-WRAP", 16 },
	{ "ECDH-ES+A192KW", "EC", NULL, "AES-192-WRAP", 24 },
	{ "ECDH-ES+A256KW", "EC", NULL, "AES-256-WRAP", 32 },
	{ "A256KW", "oct", NULL, "AES-256-WRAP", 32 },
	{ "A256GCMKW", "oct", NULL, NULL, 32 },
};

void jwe_wrapped_clear(struct jwe_wrapped *wrapped)
{
	buf_clear(&wrapped->key);
	buf_clear(&wrapped->iv);
	buf_clear(&wrapped->tag);
}

static const struct jwe_enc encs[] = {
	{ "A256GCM", "AES-256-GCM", 32 },
	{ "A128GCM", "AES-128-GCM", 16 },
};

const struct jwe_alg *jwe_alg_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

const struct jwe_enc *jwe_enc_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(encs); i++)
		if (strcmp(encs[i].name, name) == 0)
			return &encs[i];
	return NULL;
}

#define WRAP_EXTRA 8 /* RFC 3394: the check value */

enum err jwe_key_wrap(const struct jwe_alg *alg, const struct secret *kek, const struct secret *key, struct buf *out,
		      struct errmsg *em)
{
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), alg->wrap, NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	struct bytes k = secret_bytes(kek);
	struct bytes from = secret_bytes(key);
	int len = 0;
	enum err e = buf_reserve(out, from.len + 2 * WRAP_EXTRA, em);
	if (e != OK)
		return e;
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!cipher || !ctx || EVP_EncryptInit_ex2(ctx, cipher, k.data, NULL, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, out->data, &len, from.data, (int)from.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot wrap a key");
	out->len = (size_t)len;
	return OK;
}

enum err jwe_key_unwrap(const struct jwe_alg *alg, const struct secret *kek, struct bytes wrapped, struct secret **out,
			struct errmsg *em)
{
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), alg->wrap, NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	AUTO(secret) *key = NULL;
	int len = 0;
	if (wrapped.len < 3 * WRAP_EXTRA || wrapped.len > 256)
		return err_set(em, ERR_INTEGRITY, "a wrapped key of the wrong length");
	enum err e = secret_new(wrapped.len, &key, em);
	if (e != OK)
		return e;
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!cipher || !ctx || EVP_DecryptInit_ex2(ctx, cipher, secret_bytes(kek).data, NULL, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot unwrap a key");
	int good = EVP_DecryptUpdate(ctx, secret_data(key), &len, wrapped.data, (int)wrapped.len);
	openssl_errors_drop();
	if (good != 1 || len <= 0)
		return err_set(em, ERR_INTEGRITY, "a wrapped key does not open");
	secret_truncate(key, (size_t)len);
	*out = steal(&key);
	return OK;
}

static enum err lengths_fit(const struct jwe_box *box, struct bytes text, struct errmsg *em)
{
	if (text.len > INT_MAX - 64 || box->aad.len > INT_MAX - 64)
		return err_set(em, ERR_LIMIT, "JWE of more than 2 GiB");
	if (secret_len(box->key) != box->enc->key_len || box->iv.len != JWE_IV)
		return err_set(em, ERR_INTERNAL, "JWE: key or iv of the wrong length");
	return OK;
}

enum err jwe_box_seal(const struct jwe_box *box, struct bytes plain, struct buf *ciphertext, uint8_t tag[JWE_TAG],
		      struct errmsg *em)
{
	enum err e = lengths_fit(box, plain, em);
	if (e == OK)
		e = buf_reserve(ciphertext, plain.len + 1, em);
	if (e != OK)
		return e;
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), box->enc->cipher, NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	int len = 0;
	int last = 0;
	if (!cipher || !ctx || EVP_EncryptInit_ex2(ctx, cipher, secret_bytes(box->key).data, box->iv.data, NULL) != 1 ||
	    (box->aad.len && EVP_EncryptUpdate(ctx, NULL, &last, box->aad.data, (int)box->aad.len) != 1) ||
	    (plain.len && EVP_EncryptUpdate(ctx, ciphertext->data, &len, plain.data, (int)plain.len) != 1) ||
	    EVP_EncryptFinal_ex(ctx, ciphertext->data + len, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, JWE_TAG, tag) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot encrypt");
	ciphertext->len = (size_t)len;
	return OK;
}

enum err jwe_box_open(const struct jwe_box *box, struct bytes ciphertext, struct bytes tag, struct secret **plain,
		      struct errmsg *em)
{
	AUTO(secret) *opened = NULL;
	enum err e = lengths_fit(box, ciphertext, em);
	if (e == OK && tag.len != JWE_TAG)
		e = err_set(em, ERR_INTEGRITY, "JWE: a tag of the wrong length");
	if (e == OK)
		e = secret_new(ciphertext.len, &opened, em);
	if (e != OK)
		return e;
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), box->enc->cipher, NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	uint8_t none[JWE_TAG];
	uint8_t expected[JWE_TAG];
	int len = 0;
	memcpy(expected, tag.data, JWE_TAG);
	if (!cipher || !ctx || EVP_DecryptInit_ex2(ctx, cipher, secret_bytes(box->key).data, box->iv.data, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, JWE_TAG, expected) != 1 ||
	    (box->aad.len && EVP_DecryptUpdate(ctx, NULL, &len, box->aad.data, (int)box->aad.len) != 1) ||
	    (ciphertext.len &&
	     EVP_DecryptUpdate(ctx, secret_data(opened), &len, ciphertext.data, (int)ciphertext.len) != 1))
		return err_openssl(em, ERR_CRYPTO, "cannot decrypt");
	int good = EVP_DecryptFinal_ex(ctx, none, &len);
	openssl_errors_drop();
	if (good != 1)
		return err_set(em, ERR_INTEGRITY, "JWE: the tag does not hold");
	*plain = steal(&opened);
	return OK;
}
