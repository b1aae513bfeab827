#pragma once
#include "keywrap/layer_cipher.h"

/* privopts, what is wrapped, and pubopts, what stands beside it: JSON of ocicrypt's layer cipher. */

/* Everything that a layer's data needs. */
struct layer_options {
	struct secret *symkey;
	uint8_t nonce[LAYER_NONCE_LEN];
	uint8_t hmac[LAYER_HMAC_LEN];
	char digest[LAYER_DIGEST_TEXT]; /* "" where privopts name none */
};
void layer_options_clear(struct layer_options *o);
#define AUTO_LAYER_OPTIONS __attribute__((cleanup(layer_options_clear))) struct layer_options

/* {"symkey":"...","digest":"sha256:...","cipheroptions":{"nonce":"..."}}, in this order and without blanks: 193 bytes
 * with a SHA-256 digest. */
enum err privopts_write(const struct layer_options *o, struct secret **out, struct errmsg *em) MUST_USE;
/* {"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"...","cipheroptions":{}} as padded base64, malloc'd. */
enum err pubopts_write(const struct layer_options *o, char **base64, struct errmsg *em) MUST_USE;

/* Member names of either case, unknown ones ignored, digest optional: as Go reads them. `pub` is the annotation
 * (base64). A nonce in pubopts wins. ERR_PARSE, ERR_UNSUPPORTED (cipher). */
struct layer_options_text {
	const struct secret *priv;
	const char *pub;
};
enum err layer_options_read(struct layer_options_text from, struct layer_options *out, struct errmsg *em) MUST_USE;
/* True if `priv` is good privopts: what an unwrapped element must be. */
enum err privopts_check(const struct secret *priv, struct errmsg *em) MUST_USE;
