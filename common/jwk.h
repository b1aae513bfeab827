#pragma once
#include "common/json.h"
#include "common/key.h"

/* RFC 7517, 7518 section 6, RFC 8037. */

/* Public JWK, members exactly kty, crv, alg (unless NULL), x, y / kty, alg, n, e; EC coordinates padded to
 * the field's size. P-256, P-384, P-521, RSA and the curves of RFC 8037. out: the caller's. */
enum err jwk_from_public(EVP_PKEY *key, const char *alg, json_object **out, struct errmsg *em) MUST_USE;
/* Points are checked to lie on the curve. RSA below 2048 bits is refused (ERR_KEY). */
enum err jwk_to_public(json_object *jwk, EVP_PKEY **out, struct errmsg *em) MUST_USE;
/* A private JWK (EC, RSA, OKP), read in place: nothing of it touches json-c. */
enum err jwk_to_private(struct bytes jwk, EVP_PKEY **out, struct errmsg *em) MUST_USE;
