#pragma once
#include <stddef.h>

/* Choices among secrets without branches or addresses that tell them. A mask is all ones or all zeros. */

static inline size_t mask_zero(size_t v)
{
	return 0 - ((~v & (v - 1)) >> (sizeof(v) * 8 - 1));
}

static inline size_t mask_less(size_t a, size_t b)
{
	return 0 - ((a ^ ((a ^ b) | ((a - b) ^ a))) >> (sizeof(a) * 8 - 1));
}

static inline size_t choose(size_t mask, size_t a, size_t b)
{
	return (mask & a) | (~mask & b);
}
