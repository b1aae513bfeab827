#pragma once
#include "common/bytes.h"

#include <openssl/types.h>

/* One running hash over a layer: HMAC-SHA256 of the ciphertext, or a digest of the plaintext. */
struct layer_hash {
	EVP_MAC_CTX *mac; /* one of the two */
	EVP_MD_CTX *md;
};

#define LAYER_HASH_MAX 64

enum err layer_hash_hmac(struct layer_hash *h, struct bytes key, struct errmsg *em) MUST_USE;
/* algorithm: "SHA256", "SHA384" or "SHA512". */
enum err layer_hash_digest(struct layer_hash *h, const char *algorithm, struct errmsg *em) MUST_USE;
bool layer_hash_update(struct layer_hash *h, struct bytes data);
bool layer_hash_final(struct layer_hash *h, uint8_t out[LAYER_HASH_MAX], size_t *len);
void layer_hash_clear(struct layer_hash *h);
