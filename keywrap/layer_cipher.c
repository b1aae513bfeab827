#include "keywrap/layer_cipher.h"

#include "common/libctx.h"
#include "keywrap/hash_ring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

AUTO_OF_DEFINE(EVP_CIPHER, EVP_CIPHER_free)

/* The cost of a layer is its two hashes. The hash of what comes in (HMAC when decrypting, digest when
 * encrypting) runs on the ring's helper; the caller's thread ciphers straight into the caller's buffer and hashes
 * what is there, while it is in the cache. */
struct layer_cipher {
	struct layer_cipher_options options;
	const char *digest_name; /* "sha256": how it is written */
	EVP_CIPHER_CTX *aes;
	struct layer_hash hmac; /* of the ciphertext */
	struct layer_hash digest; /* of the plaintext */
	struct hash_ring *ring; /* of the input */
	struct bytes pending; /* of the block at hand, not yet ciphered */
	bool source_ended;
	bool ended;
	bool digest_differs; /* and nothing else is wrong */
	enum err failed;
	struct errmsg why;
	struct layer_result result;
};

/* OCI image-spec, "Digests": the registered algorithms; SHA-384 is what go-digest knows besides. */
static const struct {
	const char *name;
	const char *algorithm;
	size_t hex;
} digests[] = {
	{ "sha256", "SHA256", 64 },
	{ "sha384", "SHA384", 96 },
	{ "sha512", "SHA512", 128 },
};

static enum err digest_choose(struct layer_cipher *c, const char **algorithm, struct errmsg *em)
{
	const char *wanted = c->options.digest[0] ? c->options.digest : "sha256:";
	size_t name_len = strcspn(wanted, ":");
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		if (strlen(digests[i].name) != name_len || strncmp(digests[i].name, wanted, name_len) != 0)
			continue;
		if (c->options.digest[0] && (strlen(wanted) != name_len + 1 + digests[i].hex ||
					     strspn(wanted + name_len + 1, "0123456789abcdef") != digests[i].hex))
			return err_set(em, ERR_PARSE, "the layer's digest is not \"%s:\" and %zu hex digits",
				       digests[i].name, digests[i].hex);
		c->digest_name = digests[i].name;
		*algorithm = digests[i].algorithm;
		return OK;
	}
	return err_set(em, ERR_UNSUPPORTED, "the layer's digest is none of sha256, sha384, sha512");
}

/* Options without a digest: nobody would look at it. */
static bool digest_wanted(const struct layer_cipher *c)
{
	return c->options.direction == LAYER_ENCRYPT || c->options.digest[0];
}

static enum err cipher_start(struct layer_cipher *c, struct errmsg *em)
{
	const struct secret *key = c->options.symkey;
	if (secret_len(key) != LAYER_KEY_LEN)
		return err_set(em, ERR_PARSE, "the layer's key is %zu bytes long instead of %d", secret_len(key),
			       LAYER_KEY_LEN);
	AUTO_OF(EVP_CIPHER) *aes = EVP_CIPHER_fetch(libctx(), "AES-256-CTR", NULL);
	c->aes = EVP_CIPHER_CTX_new();
	/* CTR is its own inverse: both directions encrypt counters. */
	if (!aes || !c->aes || EVP_EncryptInit_ex2(c->aes, aes, secret_bytes(key).data, c->options.nonce, NULL) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot start AES-256-CTR");
	const char *algorithm = NULL;
	enum err e = digest_choose(c, &algorithm, em);
	if (e == OK)
		e = layer_hash_hmac(&c->hmac, secret_bytes(key), em);
	if (e == OK && digest_wanted(c))
		e = layer_hash_digest(&c->digest, algorithm, em);
	if (e == OK)
		e = hash_ring_new(c->options.direction == LAYER_DECRYPT ? &c->hmac : &c->digest, &c->ring, em);
	c->options.symkey = NULL;
	return e;
}

enum err layer_cipher_new(const struct layer_cipher_options *options, struct layer_cipher **out, struct errmsg *em)
{
	AUTO(layer_cipher) *c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem(em, "a layer's cipher");
	c->options = *options;
	enum err e = cipher_start(c, em);
	if (e != OK)
		return e;
	*out = steal(&c);
	return OK;
}

/* Fills a block from the source, as far as it goes, and hands it to the ring. */
static enum err block_read(struct layer_cipher *c, struct errmsg *em)
{
	uint8_t *block = hash_ring_next(c->ring);
	size_t filled = 0;
	while (filled < HASH_RING_BLOCK && !c->source_ended) {
		size_t more = 0;
		size_t room = HASH_RING_BLOCK - filled;
		if (c->options.source.read(c->options.source.user, block + filled, room, &more) != 0)
			return err_set(em, ERR_IO, "the layer could not be read");
		if (more > room)
			return err_set(em, ERR_ARG, "the layer's source gave more than it was asked for");
		c->source_ended = more == 0;
		filled += more;
	}
	c->pending = (struct bytes){ block, filled };
	return filled ? hash_ring_push(c->ring, filled, em) : OK;
}

static enum err results_check(struct layer_cipher *c, struct errmsg *em)
{
	const struct layer_cipher_options *o = &c->options;
	if (o->direction == LAYER_ENCRYPT)
		return OK;
	if (CRYPTO_memcmp(o->hmac, c->result.hmac, LAYER_HMAC_LEN) != 0)
		return err_set(em, ERR_INTEGRITY,
			       "the layer's HMAC does not hold: its data was changed or cut, or belongs to other "
			       "annotations");
	c->digest_differs = o->digest[0] && strcmp(o->digest, c->result.digest) != 0;
	if (c->digest_differs)
		return err_set(em, ERR_INTEGRITY, "the decrypted layer is %s, and %s was encrypted", c->result.digest,
			       o->digest);
	return OK;
}

static enum err digest_finish(struct layer_cipher *c, struct errmsg *em)
{
	uint8_t hash[LAYER_HASH_MAX];
	size_t len = 0;
	if (!layer_hash_final(&c->digest, hash, &len))
		return err_openssl(em, ERR_CRYPTO, "cannot finish the layer's digest");
	AUTO_STR
	char *hex = hex_encode((struct bytes){ hash, len });
	if (!hex)
		return err_nomem(em, "the layer's digest");
	snprintf(c->result.digest, sizeof(c->result.digest), "%s:%s", c->digest_name, hex);
	return OK;
}

static enum err cipher_finish(struct layer_cipher *c, struct errmsg *em)
{
	uint8_t hash[LAYER_HASH_MAX];
	size_t len = 0;
	enum err e = hash_ring_drain(c->ring, em);
	if (e != OK)
		return e;
	if (!layer_hash_final(&c->hmac, hash, &len) || len != LAYER_HMAC_LEN)
		return err_openssl(em, ERR_CRYPTO, "cannot finish HMAC-SHA256");
	memcpy(c->result.hmac, hash, LAYER_HMAC_LEN);
	e = digest_wanted(c) ? digest_finish(c, em) : OK;
	if (e == OK)
		e = results_check(c, em);
	c->ended = e == OK;
	return e;
}

static enum err cipher_step(struct layer_cipher *c, struct layer_window to, size_t *got, struct errmsg *em)
{
	if (c->pending.len == 0) {
		enum err e = c->source_ended ? OK : block_read(c, em);
		if (e != OK)
			return e;
		if (c->pending.len == 0)
			return cipher_finish(c, em);
	}
	size_t n = to.len < c->pending.len ? to.len : c->pending.len;
	int done = 0;
	if (EVP_EncryptUpdate(c->aes, to.data, &done, c->pending.data, (int)n) != 1 || (size_t)done != n)
		return err_openssl(em, ERR_CRYPTO, "AES-256-CTR failed");
	struct layer_hash *hash = c->options.direction == LAYER_DECRYPT ? &c->digest : &c->hmac;
	bool hashed = hash == &c->hmac || digest_wanted(c);
	if (hashed && !layer_hash_update(hash, (struct bytes){ to.data, n }))
		return err_openssl(em, ERR_CRYPTO, "cannot hash the layer");
	c->pending.data += n;
	c->pending.len -= n;
	*got = n;
	return OK;
}

enum err layer_cipher_read(struct layer_cipher *c, struct layer_window to, size_t *got, struct errmsg *em)
{
	*got = 0;
	if (c->failed != OK)
		return err_set(em, c->failed, "%s", c->why.text);
	if (c->ended)
		return OK;
	if (to.len == 0)
		return err_set(em, ERR_ARG, "a read into no space");
	c->failed = cipher_step(c, to, got, &c->why);
	return c->failed == OK ? OK : err_set(em, c->failed, "%s", c->why.text);
}

const struct layer_result *layer_cipher_result(const struct layer_cipher *c)
{
	return &c->result;
}

const char *layer_cipher_plain_digest(const struct layer_cipher *c)
{
	return digest_wanted(c) && strcmp(c->digest_name, "sha256") == 0 ? c->result.digest : NULL;
}

const char *layer_cipher_other_digest(const struct layer_cipher *c)
{
	return c->digest_differs ? c->options.digest : NULL;
}

void layer_cipher_free(struct layer_cipher *c)
{
	if (!c)
		return;
	hash_ring_free(c->ring); /* before the hashes that it borrows */
	layer_hash_clear(&c->hmac);
	layer_hash_clear(&c->digest);
	EVP_CIPHER_CTX_free(c->aes);
	free(c);
}
