#pragma once
#include "common/bytes.h"

/* FNV-1a: for hash tables and for identifiers that need no strength, where crypto must not be touched yet. */
static inline uint64_t fnv64_more(uint64_t hash, struct bytes from)
{
	for (size_t i = 0; i < from.len; i++)
		hash = (hash ^ from.data[i]) * 0x100000001b3ULL;
	return hash;
}

static inline uint64_t fnv64(struct bytes from)
{
	return fnv64_more(0xcbf29ce484222325ULL, from);
}
