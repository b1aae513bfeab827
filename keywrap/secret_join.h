#pragma once
#include "common/secret.h"

/* The parts one after another, in the arena. */
struct secret_parts {
	const struct bytes *parts;
	size_t count;
};
enum err secret_join(struct secret_parts of, struct secret **out, struct errmsg *em) MUST_USE;
