#pragma once
#include "common/bytes.h"

/* Reads little-endian fields one after the other and never beyond the end: after the first read that does not fit,
 * `bad` is set, everything reads as zero or empty, and stays so. A parser reads on and asks once. */
struct cursor {
	struct bytes rest;
	bool bad;
};

static inline struct cursor cursor_over(struct bytes all)
{
	return (struct cursor){ all, false };
}

static inline struct bytes cursor_take(struct cursor *c, size_t n)
{
	if (c->bad || n > c->rest.len) {
		c->bad = true;
		c->rest.len = 0;
		return (struct bytes){ NULL, 0 };
	}
	struct bytes taken = { c->rest.data, n };
	c->rest.data += n;
	c->rest.len -= n;
	return taken;
}

static inline uint64_t bytes_le(struct bytes from)
{
	uint64_t value = 0;
	for (size_t i = from.len; i > 0; i--)
		value = value << 8 | from.data[i - 1];
	return value;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)bytes_le(cursor_take(c, 2));
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)bytes_le(cursor_take(c, 4));
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	return bytes_le(cursor_take(c, 8));
}

/* A piece of a block whose whole length was checked when it was taken. */
static inline struct bytes bytes_part(struct bytes whole, size_t at, size_t n)
{
	return (struct bytes){ whole.data + at, n };
}

static inline bool bytes_zero(struct bytes all)
{
	uint8_t any = 0;
	for (size_t i = 0; i < all.len; i++)
		any |= all.data[i];
	return any == 0;
}
