#pragma once
#include "common/secret.h"

/* What both directions of JWE compute. RFC 7518 sections 4 and 5. */

struct jwe_alg {
	const char *name; /* "ECDH-ES+A256KW" */
	const char *kty; /* "RSA", "EC", "oct" */
	const char *hash; /* of OAEP and its MGF1 */
	const char *wrap; /* OpenSSL's name of the key wrap; NULL: none */
	size_t kek_len;
};
/* True for ECDH-ES alone: what is agreed on is the content key. */
static inline bool jwe_alg_is_direct(const struct jwe_alg *alg)
{
	return !alg->wrap && alg->kty[0] == 'E';
}
const struct jwe_alg *jwe_alg_find(const char *name); /* NULL: not one of ours. Static. */

struct jwe_enc {
	const char *name; /* "A256GCM" */
	const char *cipher;
	size_t key_len;
};
const struct jwe_enc *jwe_enc_find(const char *name);

#define JWE_IV 12
#define JWE_TAG 16

/* RFC 3394. unwrap: ERR_INTEGRITY. out: the caller's. */
enum err jwe_key_wrap(const struct jwe_alg *alg, const struct secret *kek, const struct secret *key, struct buf *out,
		      struct errmsg *em) MUST_USE;
enum err jwe_key_unwrap(const struct jwe_alg *alg, const struct secret *kek, struct bytes wrapped, struct secret **out,
			struct errmsg *em) MUST_USE;

/* RFC 7518 5.3. */
struct jwe_box {
	const struct jwe_enc *enc;
	const struct secret *key;
	struct bytes iv; /* JWE_IV bytes */
	struct bytes aad;
};
enum err jwe_box_seal(const struct jwe_box *box, struct bytes plain, struct buf *ciphertext, uint8_t tag[JWE_TAG],
		      struct errmsg *em) MUST_USE;
/* ERR_INTEGRITY: nothing of the plain text is given out. */
enum err jwe_box_open(const struct jwe_box *box, struct bytes ciphertext, struct bytes tag, struct secret **plain,
		      struct errmsg *em) MUST_USE;
