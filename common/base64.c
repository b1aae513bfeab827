#include "common/base64.h"

/* Everything here is free of branches and table look-ups that depend on the contents: secrets come through.
 * Masks are all ones or all zeros. Operands stay far below 2^31. */
static uint32_t mask_ge(uint32_t a, uint32_t b)
{
	return ((a - b) >> 31) - 1;
}

static uint32_t mask_between(uint32_t c, uint32_t low, uint32_t high)
{
	return mask_ge(c, low) & mask_ge(high, c);
}

struct last_two {
	uint32_t c62;
	uint32_t c63;
};

static struct last_two last_two(enum base64_kind kind)
{
	return kind == BASE64_URL ? (struct last_two){ '-', '_' } : (struct last_two){ '+', '/' };
}

static uint8_t digit_of(uint32_t v, struct last_two last)
{
	uint32_t c = v + 'A';
	c += mask_ge(v, 26) & (uint32_t)('a' - 26 - 'A');
	c += mask_ge(v, 52) & (uint32_t)(('0' - 52) - ('a' - 26));
	c += mask_ge(v, 62) & (last.c62 - 62 - (uint32_t)('0' - 52));
	c += mask_ge(v, 63) & (last.c63 - last.c62 - 1);
	return (uint8_t)c;
}

/* 0..63, or all ones for a foreign character. */
static uint32_t value_of(uint32_t c, struct last_two last)
{
	uint32_t plus_one = 0;
	plus_one |= mask_between(c, 'A', 'Z') & (c - 'A' + 1);
	plus_one |= mask_between(c, 'a', 'z') & (c - 'a' + 27);
	plus_one |= mask_between(c, '0', '9') & (c - '0' + 53);
	plus_one |= mask_between(c, last.c62, last.c62) & 63;
	plus_one |= mask_between(c, last.c63, last.c63) & 64;
	return plus_one - 1;
}

/* SIZE_MAX where it would overflow. */
static size_t encoded_len(enum base64_kind kind, size_t len)
{
	if (len > SIZE_MAX / 2)
		return SIZE_MAX;
	size_t rest = len % 3;
	size_t whole = len / 3 * 4;
	if (rest == 0)
		return whole;
	return whole + (kind == BASE64_STD ? 4 : rest + 1);
}

static void encode(enum base64_kind kind, struct bytes from, uint8_t *to)
{
	struct last_two last = last_two(kind);
	size_t i = 0;
	for (; i + 3 <= from.len; i += 3) {
		uint32_t v = (uint32_t)from.data[i] << 16 | (uint32_t)from.data[i + 1] << 8 | from.data[i + 2];
		*to++ = digit_of(v >> 18, last);
		*to++ = digit_of(v >> 12 & 63, last);
		*to++ = digit_of(v >> 6 & 63, last);
		*to++ = digit_of(v & 63, last);
	}
	size_t rest = from.len - i;
	if (rest == 0)
		return;
	uint32_t v = (uint32_t)from.data[i] << 16 | (rest == 2 ? (uint32_t)from.data[i + 1] << 8 : 0);
	*to++ = digit_of(v >> 18, last);
	*to++ = digit_of(v >> 12 & 63, last);
	if (rest == 2)
		*to++ = digit_of(v >> 6 & 63, last);
	if (kind == BASE64_STD)
		memset(to, '=', 3 - rest);
}

/* The digits without padding, and how many bytes they make. Only the shape is looked at. */
static enum err decoded_shape(enum base64_kind kind, struct bytes *text, size_t *len, struct errmsg *em)
{
	if (kind == BASE64_STD) {
		if (text->len % 4 != 0)
			return err_set(em, ERR_PARSE, "base64 of %zu characters: not padded", text->len);
		for (int pads = 0; pads < 2 && text->len > 0 && text->data[text->len - 1] == '='; pads++)
			text->len--;
	}
	if (text->len % 4 == 1)
		return err_set(em, ERR_PARSE, "base64 of %zu characters: cut off", text->len);
	*len = text->len / 4 * 3 + (text->len % 4 ? text->len % 4 - 1 : 0);
	return OK;
}

/* False for a foreign character or bits that are left over. `to` has room for what decoded_shape() said. */
static bool decode(enum base64_kind kind, struct bytes digits, uint8_t *to)
{
	struct last_two last = last_two(kind);
	uint32_t bad = 0;
	size_t i = 0;
	for (; i + 4 <= digits.len; i += 4) {
		uint32_t a = value_of(digits.data[i], last);
		uint32_t b = value_of(digits.data[i + 1], last);
		uint32_t c = value_of(digits.data[i + 2], last);
		uint32_t d = value_of(digits.data[i + 3], last);
		bad |= (a | b | c | d) & ~63U;
		*to++ = (uint8_t)(a << 2 | b >> 4);
		*to++ = (uint8_t)(b << 4 | c >> 2);
		*to++ = (uint8_t)(c << 6 | d);
	}
	size_t rest = digits.len - i;
	if (rest == 0)
		return bad == 0;
	uint32_t a = value_of(digits.data[i], last);
	uint32_t b = value_of(digits.data[i + 1], last);
	uint32_t c = rest == 3 ? value_of(digits.data[i + 2], last) : 0;
	bad |= (a | b | c) & ~63U;
	bad |= rest == 3 ? c & 3 : b & 15;
	*to++ = (uint8_t)(a << 2 | b >> 4);
	if (rest == 3)
		*to = (uint8_t)(b << 4 | c >> 2);
	return bad == 0;
}

char *base64_encode(enum base64_kind kind, struct bytes from)
{
	size_t len = encoded_len(kind, from.len);
	if (len == SIZE_MAX)
		return NULL;
	char *text = malloc(len + 1);
	if (!text)
		return NULL;
	encode(kind, from, (uint8_t *)text);
	text[len] = '\0';
	return text;
}

enum err base64_decode(enum base64_kind kind, struct bytes text, struct buf *out, struct errmsg *em)
{
	size_t len = 0;
	enum err e = decoded_shape(kind, &text, &len, em);
	if (e != OK)
		return e;
	buf_clear(out);
	e = buf_reserve(out, len + 1, em);
	if (e != OK)
		return e;
	if (!decode(kind, text, out->data)) {
		buf_clear(out);
		return err_set(em, ERR_PARSE, "not base64%s", kind == BASE64_URL ? "url" : "");
	}
	out->len = len;
	return OK;
}

enum err base64_encode_secret(enum base64_kind kind, struct bytes from, struct secret **out, struct errmsg *em)
{
	size_t len = encoded_len(kind, from.len);
	if (len == SIZE_MAX)
		return err_set(em, ERR_LIMIT, "too long for base64");
	AUTO(secret) *text = NULL;
	enum err e = secret_new(len, &text, em);
	if (e != OK)
		return e;
	encode(kind, from, secret_data(text));
	*out = steal(&text);
	return OK;
}

enum err base64_decode_secret(enum base64_kind kind, struct bytes text, struct secret **out, struct errmsg *em)
{
	size_t len = 0;
	enum err e = decoded_shape(kind, &text, &len, em);
	if (e != OK)
		return e;
	AUTO(secret) *plain = NULL;
	e = secret_new(len, &plain, em);
	if (e != OK)
		return e;
	if (!decode(kind, text, secret_data(plain)))
		return err_set(em, ERR_PARSE, "not base64%s", kind == BASE64_URL ? "url" : "");
	*out = steal(&plain);
	return OK;
}
