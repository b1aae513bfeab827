#include "common/bytes.h"

#include <openssl/crypto.h>

enum { BUF_FIRST = 256 };

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

enum err buf_reserve(struct buf *b, size_t n, struct errmsg *em)
{
	if (n <= b->cap - b->len)
		return OK;
	if (n > SIZE_MAX / 2 - b->len)
		return err_set(em, ERR_NOMEM, "a buffer of %zu more bytes is too large", n);
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < b->len + n)
		cap *= 2;
	uint8_t *data = realloc(b->data, cap);
	if (!data)
		return err_set(em, ERR_NOMEM, "no memory for %zu bytes", cap);
	b->data = data;
	b->cap = cap;
	return OK;
}

enum err buf_append(struct buf *b, struct bytes more, size_t max, struct errmsg *em)
{
	if (max != 0 && (b->len > max || more.len > max - b->len))
		return err_set(em, ERR_LIMIT, "more than %zu bytes", max);
	if (more.len == 0)
		return OK;
	enum err e = buf_reserve(b, more.len, em);
	if (e != OK)
		return e;
	memcpy(b->data + b->len, more.data, more.len);
	b->len += more.len;
	return OK;
}

char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 1, NULL) != OK)
		return NULL;
	b->data[b->len] = '\0';
	return (char *)b->data;
}

void buf_clear(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

char *hex_encode(struct bytes from)
{
	static const char digits[] = "0123456789abcdef";
	if (from.len > (SIZE_MAX - 1) / 2)
		return NULL;
	char *text = malloc(from.len * 2 + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < from.len; i++) {
		text[2 * i] = digits[from.data[i] >> 4];
		text[2 * i + 1] = digits[from.data[i] & 15];
	}
	text[from.len * 2] = '\0';
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum err hex_decode(const char *hex, uint8_t *to, size_t cap, struct errmsg *em)
{
	size_t len = strlen(hex);
	if (len % 2 != 0 || len / 2 != cap)
		return err_set(em, ERR_PARSE, "%zu hex digits instead of %zu", len, cap * 2);
	for (size_t i = 0; i < cap; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return err_set(em, ERR_PARSE, "not a hex digit near position %zu", 2 * i + 1);
		to[i] = (uint8_t)(high << 4 | low);
	}
	return OK;
}
