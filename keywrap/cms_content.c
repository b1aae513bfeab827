#include "common/jwe_crypto.h"
#include "common/libctx.h"
#include "keywrap/cms.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)
AUTO_OF_DEFINE(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

/* One text for all: a wrong key, wrong padding and a wrong tag shall look the same. */
static enum err wrong(struct errmsg *em)
{
	ERR_clear_error();
	return err_set(em, ERR_INTEGRITY, "wrong key");
}

static enum err gcm_open(const struct cms_envelope *envelope, const struct secret *key, struct secret **plain,
			 struct errmsg *em)
{
	struct jwe_box box = { .enc = jwe_enc_find(envelope->cipher->gcm), .key = key, .iv = envelope->iv };
	struct bytes text = envelope->content;
	if (text.len < JWE_TAG)
		return wrong(em);
	text.len -= JWE_TAG;
	struct bytes tag = { text.data + text.len, JWE_TAG };
	enum err e = jwe_box_open(&box, text, tag, plain, em);
	return e == ERR_INTEGRITY ? wrong(em) : e;
}

#define BLOCK 16

/* RFC 5652 6.3 pads as PKCS#7 always did. */
static enum err cbc_open(const struct cms_envelope *envelope, const struct secret *key, struct secret **plain,
			 struct errmsg *em)
{
	AUTO_OF(EVP_CIPHER) *cipher = EVP_CIPHER_fetch(libctx(), envelope->cipher->name, NULL);
	AUTO_OF(EVP_CIPHER_CTX) *ctx = EVP_CIPHER_CTX_new();
	AUTO(secret) *opened = NULL;
	struct bytes text = envelope->content;
	int len = 0;
	int last = 0;
	if (text.len == 0 || text.len % BLOCK != 0 || text.len > INT_MAX - BLOCK)
		return wrong(em);
	enum err e = secret_new(text.len + BLOCK, &opened, em);
	if (e != OK)
		return e;
	uint8_t *to = secret_data(opened);
	if (!cipher || !ctx || EVP_DecryptInit_ex2(ctx, cipher, secret_bytes(key).data, envelope->iv.data, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, to, &len, text.data, (int)text.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot decrypt");
	if (EVP_DecryptFinal_ex(ctx, to + len, &last) != 1)
		return wrong(em);
	secret_truncate(opened, (size_t)len + (size_t)last);
	*plain = steal(&opened);
	return OK;
}

enum err cms_envelope_open(const struct cms_envelope *envelope, const struct secret *key, struct secret **plain,
			   struct errmsg *em)
{
	if (secret_len(key) != envelope->cipher->key_len)
		return wrong(em);
	return envelope->cipher->gcm ? gcm_open(envelope, key, plain, em) : cbc_open(envelope, key, plain, em);
}
