#pragma once
#include "keywrap/ocikeywrap.h"

/* A double of libocikeywrap for the tests of image/: a cipher that anyone can undo (each byte XOR 0x5a), and failures
 * at will. The annotation "org.opencontainers.image.enc.keys.double" holds one "a" for each recipient. */
struct okw_double {
	enum okw_code refuse_key; /* what unwrapping gives */
	enum okw_code end; /* what a reader gives instead of its end */
	const char *other_digest; /* with OKW_ERR_INTEGRITY there: the digest that was wrapped */
};
extern struct okw_double okw_double;

#define OKW_DOUBLE_KEYS "org.opencontainers.image.enc.keys.double"
