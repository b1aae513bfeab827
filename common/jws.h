#pragma once
#include "common/json.h"
#include "common/key.h"

/* JWS compact serialisation, RFC 7515. Algorithms: ES256, ES384, ES512, EdDSA (Ed25519), RS256, PS256. */

/* Signs. `header` may be NULL or hold further members ("typ", "kid", "jwk"); "alg" is set from the key:
 * P-256 ES256, P-384 ES384, P-521 ES512, Ed25519 EdDSA, RSA PS256. *compact: malloc'd. */
enum err jws_sign(EVP_PKEY *key, json_object *header, struct bytes payload, char **compact, struct errmsg *em) MUST_USE;

/* The same signatures over bytes, for envelopes of another form (COSE, RFC 9053). jws_alg_of: as jws_sign chooses;
 * NULL: this kind of key signs nothing. jws_sign_bytes appends to an empty `signature`; jws_check_bytes is jws_verify
 * with the algorithm's name. */
const char *jws_alg_of(EVP_PKEY *key);
enum err jws_sign_bytes(EVP_PKEY *key, struct bytes input, struct buf *signature, struct errmsg *em) MUST_USE;
enum err jws_check_bytes(const char *alg, struct bytes input, struct bytes signature, EVP_PKEY *key,
			 struct errmsg *em) MUST_USE;

/* Splits without verifying, to choose a key. `payload` counts for nothing before jws_verify. */
struct jws {
	json_object *header;
	struct buf payload;
	struct buf signature;
	struct buf signing_input; /* ASCII(header) '.' ASCII(payload) */
};
enum err jws_parse(struct bytes compact, struct jws **out, struct errmsg *em) MUST_USE;
void jws_free(struct jws *jws);
AUTO_DEFINE(jws)

/* ERR_INTEGRITY unless `key` signed it with the algorithm of the header, and that algorithm is this key's kind
 * ("none", HMAC and a mismatch of alg and key are refused; "crit" is refused). */
enum err jws_verify(const struct jws *jws, EVP_PKEY *key, struct errmsg *em) MUST_USE;

/* RFC 7519 section 4.1.4, 4.1.5: `exp` is demanded, `nbf` honoured, against `now` (seconds of the epoch)
 * with `leeway` seconds. ERR_EXPIRED. *exp may be NULL. */
enum err jwt_check_times(json_object *claims, int64_t now, int64_t leeway, int64_t *exp, struct errmsg *em) MUST_USE;
