#pragma once
#include "common/secret.h"

/* A request's body while it comes in: bounded, and in the arena from its first byte where it is a secret. */
struct body {
	bool is_secret;
	size_t max;
	struct buf plain;
	struct secret *secret; /* its first `len` bytes are used */
	size_t len; /* of what came in, kept or not */
};

/* expected: the announced length, 0 = not known. */
enum err body_begin(struct body *b, size_t expected, struct errmsg *em) MUST_USE;
/* ERR_LIMIT beyond max; what was kept is freed then. */
enum err body_add(struct body *b, struct bytes more, struct errmsg *em) MUST_USE;
/* Cuts the secret to its length. */
void body_end(struct body *b);
void body_clear(struct body *b);
