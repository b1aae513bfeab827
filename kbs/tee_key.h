#pragma once
#include "common/json.h"
#include "common/key.h"

/* The TEE's public key as the protocol has it ("tee-pubkey"): exactly the members kty, crv, alg, x, y (P-256, P-521;
 * ECDH-ES+A256KW) or kty, alg, n, e (RSA of 2048 to 8192 bits; RSA-OAEP-256). ERR_PARSE, ERR_KEY, ERR_UNSUPPORTED. */
enum err tee_key_read(json_object *jwk, EVP_PKEY **out, struct errmsg *em) MUST_USE;

/* Seals a resource for such a key: JWE, flattened JSON. *jwe: malloc'd. */
enum err tee_key_seal(EVP_PKEY *key, const struct secret *resource, char **jwe, struct errmsg *em) MUST_USE;
