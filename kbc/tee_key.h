#pragma once
#include "common/jwe.h"

/* The ephemeral key pair of one attestation. Its private half lies in the arena (DER) and is expanded only while an
 * answer is opened: a forked child finds zeros. */

/* type: "P-256", "P-521", "RSA" (3072 bits). *jwk: the protocol's `tee-pubkey`, the caller's. */
struct tee_key {
	struct secret *private_der;
	json_object *jwk;
	const char *alg; /* of the JWE that it opens */
};
enum err tee_key_generate(const char *type, struct tee_key *out, struct errmsg *em) MUST_USE;
void tee_key_clear(struct tee_key *key);

/* Opens the answer to a resource request: flattened JWE, `alg` and A256GCM only, at most `max` bytes within.
 * ERR_INTEGRITY: not sealed for this key, or tampered with; ERR_LIMIT; ERR_PARSE; ERR_UNSUPPORTED. */
#define TEE_SEALED_OVERHEAD 16384 /* header, wrapped key, IV, tag and JSON around the ciphertext */
struct tee_sealed {
	struct bytes jwe;
	size_t max;
};
enum err tee_key_open(const struct secret *private_der, const char *alg, const struct tee_sealed *sealed,
		      struct secret **out, struct errmsg *em) MUST_USE;
