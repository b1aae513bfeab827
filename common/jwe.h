#pragma once
#include "common/json.h"
#include "common/key.h"

/* JWE, RFC 7516: flattened, general and compact. alg: RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW /
 * A192KW / A256KW, A256KW, A256GCMKW; enc: A256GCM, A128GCM. RSA1_5 is refused. P-256, P-384, P-521. */

/* A content key that a symmetric key wrapped: RFC 7518 4.4, 4.7. */
struct jwe_wrapped {
	const char *alg; /* "A256KW" or "A256GCMKW"; static */
	struct buf key;
	struct buf iv, tag; /* of A256GCMKW: 12 and 16 bytes */
};
void jwe_wrapped_clear(struct jwe_wrapped *wrapped);
#define AUTO_JWE_WRAPPED __attribute__((cleanup(jwe_wrapped_clear))) struct jwe_wrapped

/* The private half, wherever it lives: an EVP_PKEY here, a PKCS#11 object elsewhere. Where the recipient's key does
 * not open, its functions give ERR_INTEGRITY or ERR_CRYPTO: jwe_decrypt() goes on, and says no more than that nothing
 * fitted. Any other error (no token, no network, PIN) ends jwe_decrypt() and is passed on. */
struct jwe_key {
	void *ctx;
	const char *kty; /* "RSA", "EC" or "oct": recipients of the other kind are passed over */
	const char *crv; /* of an EC key ("P-256"), NULL = unknown */
	/* ERR_INTEGRITY where the input does not open; any other error ends the decryption with its text.
	 * RSAES-OAEP, MGF1 with the same hash, empty label. hash: "SHA1" or "SHA256". NULL for EC keys. */
	enum err (*oaep_decrypt)(void *ctx, const char *hash, struct bytes wrapped, struct secret **out,
				 struct errmsg *em);
	/* RSAES-PKCS1-v1_5, for CMS alone: a message of just `len` bytes. Where there is none, `len` random bytes take
	 * its place and nothing tells (RFC 3218 2.3.2): what they open shows whether they were right. Errors are those
	 * that do not depend on the plain text. NULL for EC keys. */
	enum err (*pkcs1_decrypt)(void *ctx, struct bytes wrapped, size_t len, struct secret **out, struct errmsg *em);
	/* Raw ECDH: Z = x coordinate, padded to the field's size. `peer` lies on the curve. NULL for RSA keys. */
	enum err (*ecdh)(void *ctx, EVP_PKEY *peer, struct secret **z, struct errmsg *em);
	/* For "oct", a symmetric key, alone. */
	enum err (*kek_unwrap)(void *ctx, const struct jwe_wrapped *wrapped, struct secret **cek, struct errmsg *em);
};
/* Borrows `key`. ERR_KEY for other kinds. */
enum err jwe_key_from_pkey(EVP_PKEY *key, struct jwe_key *out, struct errmsg *em) MUST_USE;

/* Tries each recipient that fits the key. `text` may be any of the three serialisations; at most `max` bytes.
 * ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED, ERR_KEY (no recipient fits), ERR_INTEGRITY. out: the caller's. */
enum err jwe_decrypt(struct bytes text, size_t max, const struct jwe_key *key, struct secret **out,
		     struct errmsg *em) MUST_USE;

struct jwe_recipient {
	EVP_PKEY *key; /* public; or, where it is symmetric and elsewhere: */
	enum err (*kek_wrap)(void *kek, const struct secret *cek, struct jwe_wrapped *out, struct errmsg *em);
	void *kek;
	const char *alg; /* NULL: RSA-OAEP for RSA, ECDH-ES+A256KW for EC */
	const char *kid; /* or NULL */
};
/* One recipient: flattened, protected {"alg","enc"[,"epk"][,"kid"]}, members sorted by name. Several: general, with
 * the top-level encrypted_key that go-jose writes. Content: A256GCM. *json: malloc'd. */
enum err jwe_encrypt(const struct jwe_recipient *recipients, size_t count, struct bytes plain, char **json,
		     struct errmsg *em) MUST_USE;
