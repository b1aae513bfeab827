#pragma once
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What unpacks gzip's members, RFC 1952, by one library or another. */

struct inflate_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

enum inflate_result {
	INFLATE_MORE,
	INFLATE_MEMBER_END, /* its checksum and length held; what is left of `in` is behind it */
	INFLATE_BROKEN,
	INFLATE_NOMEM,
};

struct inflater {
	const char *name;
	void *(*new)(void); /* NULL: no memory */
	/* To be called before each member. */
	enum inflate_result (*begin)(void *state);
	/* Moves `io` on. Some input may be kept inside, which comes out in a later run, also one without any. */
	enum inflate_result (*run)(void *state, struct inflate_io *io);
	void (*free)(void *state);
};

extern const struct inflater inflater_zlib;
#if HAVE_ISAL
/* Intel's ISA-L, several times as fast where the processor has vectors. */
extern const struct inflater inflater_isal;
#endif

static inline const struct inflater *inflater_best(void)
{
#if HAVE_ISAL
	return &inflater_isal;
#else
	return &inflater_zlib;
#endif
}
