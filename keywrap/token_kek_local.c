#include "keywrap/token_kek.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/evp.h>

/* A key-encryption key that is at hand. */

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)
AUTO_OF_DEFINE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

#define INPUT_MAX ((size_t)1024 * 1024)
#define SEMIBLOCK 8

static enum err local_update(EVP_CIPHER_CTX *ctx, const struct kek_work *work, struct secret *out, struct errmsg *em)
{
	size_t tag = kek_tag_len(work->cipher);
	size_t len = work->encrypt ? work->input.len : work->input.len - tag;
	int n = 0;
	int rest = 0;
	if (EVP_CipherUpdate(ctx, secret_data(out), &n, work->input.data, (int)len) != 1 || (size_t)n != len)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	if (tag && !work->encrypt &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag, (uint8_t *)work->input.data + len) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	if (EVP_CipherFinal_ex(ctx, secret_data(out) + len, &rest) != 1)
		return err_set(em, ERR_INTEGRITY, "wrong key, or the wrapped data was changed");
	if (tag && work->encrypt &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag, secret_data(out) + len) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	return OK;
}

/* RFC 3394 through OpenSSL: all at once. */
static enum err local_wrap(EVP_CIPHER_CTX *ctx, const struct kek_work *work, struct secret *out, struct errmsg *em)
{
	int n = 0;
	int good = EVP_CipherUpdate(ctx, secret_data(out), &n, work->input.data, (int)work->input.len);
	openssl_errors_drop();
	size_t expected = work->encrypt ? work->input.len + SEMIBLOCK : work->input.len - SEMIBLOCK;
	if (good == 1 && (size_t)n == expected)
		return OK;
	return work->encrypt ? err_set(em, ERR_CRYPTO, "AES-KEY-WRAP failed")
			     : err_set(em, ERR_INTEGRITY, "wrong key, or the wrapped data was changed");
}

enum err kek_work_check(const struct kek_work *work, struct errmsg *em)
{
	size_t tag = work->encrypt ? 0 : kek_tag_len(work->cipher);
	bool blocks =
		work->cipher != KEK_WRAP || (work->input.len % SEMIBLOCK == 0 && work->input.len - tag > SEMIBLOCK);
	if (work->input.len <= tag || work->input.len > INPUT_MAX || !blocks)
		return err_set(em, ERR_LIMIT, "%zu bytes to wrap or unwrap", work->input.len);
	return OK;
}

static const char *cipher_name(enum kek_cipher cipher)
{
	return cipher == KEK_GCM ? "AES-256-GCM" : cipher == KEK_CTR ? "AES-256-CTR" : "AES-256-WRAP";
}

enum err kek_do(struct bytes key, const struct kek_work *work, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *result = NULL;
	enum err e = kek_work_check(work, em);
	if (e != OK)
		return e;
	if (key.len != KEK_LEN)
		return err_set(em, ERR_KEY, "the key has %zu bytes instead of %d", key.len, KEK_LEN);
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), cipher_name(work->cipher), NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!cipher || !ctx || EVP_CipherInit_ex2(ctx, cipher, key.data, work->iv, work->encrypt, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "AES failed");
	size_t tag = kek_tag_len(work->cipher);
	e = secret_new(work->input.len + tag, &result, em);
	if (e == OK)
		e = work->cipher == KEK_WRAP ? local_wrap(ctx, work, result, em) : local_update(ctx, work, result, em);
	if (e != OK)
		return e;
	secret_truncate(result, work->encrypt ? work->input.len + tag : work->input.len - tag);
	*out = steal(&result);
	return OK;
}
