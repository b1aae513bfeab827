#include "keywrap/pin_mask.h"

#include <stdio.h>
#include <strings.h>

#define NAME "pin-value="

/* RFC 7512 2.3, pk11-qchar, but for what ends a value in YAML; such characters must be percent-encoded. */
static bool pin_character(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c && strchr("-._~%:@!$()*+;=/?|", c);
}

static bool name_at(struct bytes text, size_t at)
{
	size_t len = strlen(NAME);
	return text.len - at >= len && strncasecmp((const char *)text.data + at, NAME, len) == 0;
}

enum err pin_mask_apply(struct bytes text, struct pin_mask *mask, struct buf *masked, struct errmsg *em)
{
	enum err e = OK;
	size_t from = 0; /* where the run that is yet to be copied begins */
	*mask = (struct pin_mask){ 0 };
	for (size_t at = 0; e == OK && at < text.len; at++) {
		if (!name_at(text, at))
			continue;
		if (mask->count == PIN_MASK_MAX)
			return err_set(em, ERR_LIMIT, "more than %d times pin-value", PIN_MASK_MAX);
		size_t begin = at + strlen(NAME);
		size_t end = begin;
		while (end < text.len && pin_character(text.data[end]))
			end++;
		char index[24];
		snprintf(index, sizeof(index), "%zu", mask->count);
		mask->values[mask->count++] = (struct bytes){ text.data + begin, end - begin };
		e = buf_append(masked, (struct bytes){ text.data + from, begin - from }, 0, em);
		if (e == OK)
			e = buf_append(masked, bytes_str(index), 0, em);
		from = end;
		at = end - 1;
	}
	return e == OK ? buf_append(masked, (struct bytes){ text.data + from, text.len - from }, 0, em) : e;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3986 2.1 */
static enum err percent_decode(struct bytes from, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *value = NULL;
	enum err e = secret_new(from.len, &value, em);
	if (e != OK)
		return e;
	uint8_t *to = secret_data(value);
	size_t len = 0;
	for (size_t i = 0; i < from.len; i++) {
		if (from.data[i] != '%') {
			to[len++] = from.data[i];
			continue;
		}
		int high = i + 2 < from.len ? hex_digit(from.data[i + 1]) : -1;
		int low = i + 2 < from.len ? hex_digit(from.data[i + 2]) : -1;
		if (high < 0 || low < 0)
			return err_set(em, ERR_PARSE, "pin-value has a bad percent-encoding");
		to[len++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	secret_truncate(value, len);
	*out = steal(&value);
	return OK;
}

enum err pin_mask_value(const struct pin_mask *mask, const char *shown, struct secret **pin, struct errmsg *em)
{
	char index[24];
	for (size_t i = 0; i < mask->count; i++) {
		snprintf(index, sizeof(index), "%zu", i);
		if (strcmp(index, shown) == 0)
			return percent_decode(mask->values[i], pin, em);
	}
	/* Something of the PIN is still in `shown`: never print it. */
	return err_set(em, ERR_PARSE,
		       "pin-value holds characters that must be percent-encoded (RFC 7512), such as , & ' \"");
}
