#pragma once
#include "common/secret.h"

/* What is kept of a PIN, as text: scrypt (RFC 7914) or PBKDF2 (RFC 8018, with SHA-256 or SHA-512) of it. It tells a
 * right PIN from a wrong one and is of no other use.
 *   $scrypt$ln=15,r=8,p=1$SALT$HASH     $pbkdf2-sha256$i=600000$SALT$HASH     (SALT, HASH: base64 without padding) */

#define PIN_LEN_MIN 4
#define PIN_LEN_MAX 255

struct pin_verifier {
	const char *hash_name; /* OpenSSL's; NULL: scrypt */
	uint64_t n, r, p; /* of scrypt */
	uint64_t iterations; /* of PBKDF2 */
	uint8_t salt[64], hash[64];
	size_t salt_len, hash_len;
};

/* ERR_PARSE; ERR_LIMIT: parameters that are too weak, or that would take too much time or memory. */
enum err pin_verifier_read(const char *text, struct pin_verifier *out, struct errmsg *em) MUST_USE;

/* Takes a tenth of a second or so; never under a lock. ERR_AUTH: a wrong PIN. ERR_CRYPTO. Constant time in what it
 * compares. */
enum err pin_verifier_check(const struct pin_verifier *v, struct bytes pin, struct errmsg *em) MUST_USE;

/* A new one. kind: "scrypt", "pbkdf2-sha256" or "pbkdf2-sha512". ERR_ARG: no such kind; ERR_LIMIT: PIN_LEN_MIN,
 * PIN_LEN_MAX. out: malloc'd text. */
enum err pin_verifier_make(const char *kind, struct bytes pin, char **out, struct errmsg *em) MUST_USE;
