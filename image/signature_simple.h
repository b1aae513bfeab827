#pragma once
#include "common/bytes.h"

/* Simple signing, containers-signature(5): an OpenPGP message that GnuPG verifies, in a private home with the policy's
 * keys and no others. */
struct simple_keys;

/* Key rings, armoured or binary. `what` names each in errors. ERR_KEY: one that holds no key. */
struct simple_ring {
	struct bytes text;
	const char *what;
};
enum err simple_keys_new(const struct simple_ring *rings, size_t count, struct simple_keys **out,
			 struct errmsg *em) MUST_USE;
void simple_keys_free(struct simple_keys *keys);
AUTO_DEFINE(simple_keys)

#define FINGERPRINT_SIZE 72

struct simple_result {
	struct buf payload;
	char signer[FINGERPRINT_SIZE]; /* the primary key's fingerprint */
};

/* ERR_DENIED unless it is a message with exactly one signature, which holds, by one of the keys, and neither that nor
 * the key has expired or was revoked. Blocks on gpg. */
enum err simple_keys_verify(const struct simple_keys *keys, struct bytes signature, struct simple_result *out,
			    struct errmsg *em) MUST_USE;
