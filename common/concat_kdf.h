#pragma once
#include "common/secret.h"

/* The Concat KDF of NIST SP 800-56A 5.8.2.1 with SHA-256, as RFC 7518 4.6.2 uses it: one round. */
struct concat_kdf {
	const char *algorithm; /* AlgorithmID: "ECDH-ES+A256KW", or for plain ECDH-ES the content's "A256GCM" */
	struct bytes apu; /* PartyUInfo and PartyVInfo, decoded; usually empty */
	struct bytes apv;
	size_t len; /* of the key wanted, in bytes, at most 32 */
};
enum err concat_kdf_derive(const struct concat_kdf *kdf, const struct secret *z, struct secret **out,
			   struct errmsg *em) MUST_USE;
