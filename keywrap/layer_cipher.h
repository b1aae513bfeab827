#pragma once
#include "common/secret.h"
#include "keywrap/ocikeywrap.h"

/* AES-256-CTR with HMAC-SHA256 over the ciphertext under the same key, and a digest of the plaintext, as a pull
 * reader in both directions. */
struct layer_cipher;

enum layer_direction { LAYER_ENCRYPT, LAYER_DECRYPT };

#define LAYER_KEY_LEN 32
#define LAYER_NONCE_LEN 16
#define LAYER_HMAC_LEN 32
#define LAYER_DIGEST_TEXT 160 /* "sha512:<hex>" and its NUL */

struct layer_source {
	okw_read_function read;
	void *user;
};

struct layer_cipher_options {
	enum layer_direction direction;
	const struct secret *symkey; /* borrowed for the call: LAYER_KEY_LEN bytes */
	uint8_t nonce[LAYER_NONCE_LEN]; /* the first counter block */
	uint8_t hmac[LAYER_HMAC_LEN]; /* what the HMAC must be at the end (LAYER_DECRYPT) */
	/* "sha256:<hex>", "sha384:", "sha512:": what the plaintext's digest must be at the end (LAYER_DECRYPT); ""
	 * demands none. */
	char digest[LAYER_DIGEST_TEXT];
	struct layer_source source;
};

enum err layer_cipher_new(const struct layer_cipher_options *options, struct layer_cipher **out,
			  struct errmsg *em) MUST_USE;

struct layer_window {
	uint8_t *data;
	size_t len;
};
/* *got = 0 is the end, and when decrypting HMAC and digest held: ERR_INTEGRITY otherwise. ERR_IO: the source failed.
 * An error is final: every later read gives it again. */
enum err layer_cipher_read(struct layer_cipher *cipher, struct layer_window to, size_t *got,
			   struct errmsg *em) MUST_USE;

/* What came out, after the end. */
struct layer_result {
	uint8_t hmac[LAYER_HMAC_LEN];
	char digest[LAYER_DIGEST_TEXT]; /* "" where none was demanded (LAYER_DECRYPT) */
};
const struct layer_result *layer_cipher_result(const struct layer_cipher *cipher);

/* The SHA-256 digest of what came out, "" before the end; NULL where another one or none was demanded (LAYER_DECRYPT).
 */
const char *layer_cipher_plain_digest(const struct layer_cipher *cipher);

/* The digest that was demanded, where it is all that does not hold; else NULL. */
const char *layer_cipher_other_digest(const struct layer_cipher *cipher);

void layer_cipher_free(struct layer_cipher *cipher);
AUTO_DEFINE(layer_cipher)
