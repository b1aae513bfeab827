#pragma once
#include "common/cleanup.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes. Owns nothing. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES(array) ((struct bytes){ (const uint8_t *)(array), sizeof(array) })

static inline struct bytes bytes_str(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

/* Constant time in the contents, not in the lengths. */
bool bytes_equal(struct bytes a, struct bytes b);

/* A growing buffer for what is NOT secret. Zero-initialised = empty. */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

static inline struct bytes buf_bytes(const struct buf *b)
{
	return (struct bytes){ b->data, b->len };
}

/* Appends; ERR_NOMEM, or ERR_LIMIT beyond `max` bytes in all (0 = no bound). */
enum err buf_append(struct buf *b, struct bytes more, size_t max, struct errmsg *em) MUST_USE;
/* Makes room for `n` more bytes at b->data + b->len. */
enum err buf_reserve(struct buf *b, size_t n, struct errmsg *em) MUST_USE;
/* The contents as a C string, NUL-terminated in place (the NUL is not counted in len); NULL without memory. */
char *buf_cstr(struct buf *b);
void buf_clear(struct buf *b); /* frees, back to empty */

#define AUTO_BUF __attribute__((cleanup(buf_clear))) struct buf

/* Lower-case hex. hex_encode: malloc'd C string, NULL without memory. */
char *hex_encode(struct bytes from);
/* Exactly `cap` bytes' worth of hex digits of either case, else ERR_PARSE. */
enum err hex_decode(const char *hex, uint8_t *to, size_t cap, struct errmsg *em) MUST_USE;
