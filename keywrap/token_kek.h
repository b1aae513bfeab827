#pragma once
#include "keywrap/token_pool.h"

/* A key-encryption key in a token: an AES-256 key, or 32 bytes in a data object. */

enum kek_cipher {
	KEK_GCM,
	KEK_CTR,
	KEK_WRAP, /* AES-KEY-WRAP, RFC 3394: no iv; multiples of 8 bytes, at least 16 */
};

#define KEK_LEN 32
#define KEK_IV_MAX 16
#define KEK_TAG_LEN 16

static inline size_t kek_iv_len(enum kek_cipher cipher)
{
	return cipher == KEK_GCM ? 12 : 16; /* CTR: the whole first counter block */
}
/* By so much is what is wrapped longer. */
static inline size_t kek_tag_len(enum kek_cipher cipher)
{
	return cipher == KEK_GCM ? KEK_TAG_LEN : cipher == KEK_WRAP ? 8 : 0;
}

/* One thing to do with it. GCM has its tag behind the ciphertext, and no additional data. A token that does
 * AES-KEY-WRAP with keys alone (C_WrapKey, C_UnwrapKey) is given the input as one, in a session object. */
struct kek_work {
	bool encrypt;
	enum kek_cipher cipher;
	const uint8_t *iv;
	struct bytes input;
};

/* The object is found by the label and id of `ref`. An AES key works inside the token; where the token has none, or not
 * this mechanism, a data object's value does it here. May block, and may attest.
 * ERR_KEY: no such object, or no AES-256 key; ERR_UNSUPPORTED: token or key may not do it; ERR_INTEGRITY: the tag does
 * not hold. */
enum err token_kek_do(struct token_pool *pool, struct token_ref *ref, const struct kek_work *work, struct secret **out,
		      struct errmsg *em) MUST_USE;
/* ERR_LIMIT: so many bytes cannot be wrapped, or are nothing that was. */
enum err kek_work_check(const struct kek_work *work, struct errmsg *em) MUST_USE;
/* The same with the key at hand. */
enum err kek_do(struct bytes key, const struct kek_work *work, struct secret **out, struct errmsg *em) MUST_USE;
