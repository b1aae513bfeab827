#include "keywrap/grpc.h"

#include "keywrap/protobuf.h"
#include "keywrap/secret_join.h"

#include <ctype.h>
#include <stdio.h>

void grpc_body_clear(struct grpc_body *body)
{
	secret_free(body->message);
	*body = (struct grpc_body){ .len = 0 };
}

/* Length-Prefixed-Message: Compressed-Flag, Message-Length. */
static enum err prefix_read(struct grpc_body *body, struct errmsg *em)
{
	const uint8_t *p = body->prefix;
	size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (p[0] != 0)
		return err_set(em, ERR_UNSUPPORTED, "the message is compressed");
	if (len > GRPC_MESSAGE_MAX)
		return err_set(em, ERR_LIMIT, "a message of %zu bytes", len);
	return secret_new(len, &body->message, em);
}

enum err grpc_body_take(struct grpc_body *body, struct bytes part, struct errmsg *em)
{
	enum err e = OK;
	while (part.len > 0 && body->len < GRPC_PREFIX) {
		body->prefix[body->len++] = *part.data++;
		part.len--;
		if (body->len == GRPC_PREFIX)
			e = prefix_read(body, em);
		if (e != OK)
			return e;
	}
	if (part.len == 0)
		return OK;
	size_t at = body->len - GRPC_PREFIX;
	if (part.len > secret_len(body->message) - at)
		return err_set(em, ERR_PROTO, "more than one message");
	memcpy(secret_data(body->message) + at, part.data, part.len);
	body->len += part.len;
	return OK;
}

enum err grpc_body_end(const struct grpc_body *body, struct bytes *out, struct errmsg *em)
{
	if (!body->message || body->len - GRPC_PREFIX != secret_len(body->message))
		return err_set(em, ERR_PROTO, body->len ? "half a message" : "no message");
	*out = secret_bytes(body->message);
	return OK;
}

enum err grpc_frame(struct bytes octets, struct secret **out, struct errmsg *em)
{
	struct proto_message message = { .count = 0 };
	proto_add_bytes(&message, 1, octets);
	size_t len = proto_len(&message);
	const uint8_t prefix[GRPC_PREFIX] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
					      (uint8_t)len };
	if (len > GRPC_MESSAGE_MAX)
		return err_set(em, ERR_LIMIT, "a message of %zu bytes", len);
	return proto_join(BYTES(prefix), &message, out, em);
}

enum err grpc_timeout_parse(struct bytes text, int64_t *ms, struct errmsg *em)
{
	static const struct {
		char unit;
		int64_t ns;
	} units[] = { { 'n', 1 },          { 'u', 1000 },        { 'm', 1000000 },
		      { 'S', 1000000000 }, { 'M', 60000000000 }, { 'H', 3600000000000 } };
	int64_t value = 0;
	bool good = text.len >= 2 && text.len <= 9;
	for (size_t i = 0; good && i + 1 < text.len; i++) {
		good = isdigit(text.data[i]);
		value = value * 10 + (text.data[i] - '0');
	}
	for (size_t i = 0; good && i < ARRAY_LEN(units); i++)
		if (units[i].unit == (char)text.data[text.len - 1]) {
			/* 99999999 hours in ns are more than 63 bits */
			*ms = units[i].ns >= 1000000 ? value * (units[i].ns / 1000000) : value * units[i].ns / 1000000;
			return OK;
		}
	return err_set(em, ERR_PARSE, "grpc-timeout");
}

void grpc_timeout_write(int64_t ms, char out[GRPC_TIMEOUT_MAX])
{
	bool seconds = ms > 99999999;
	long long value = seconds ? ms / 1000 : ms > 0 ? ms : 1;
	snprintf(out, GRPC_TIMEOUT_MAX, "%lld%c", value > 99999999 ? 99999999 : value, seconds ? 'S' : 'm');
}

/* Percent-Encoded: bytes of 0x20 to 0x7E but '%' stand for themselves. */
size_t grpc_text_encode(const char *text, char out[GRPC_TEXT_MAX])
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = 0;
	for (; *text && len + 3 < GRPC_TEXT_MAX; text++) {
		uint8_t byte = (uint8_t)*text;
		if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
			out[len++] = (char)byte;
			continue;
		}
		out[len++] = '%';
		out[len++] = digits[byte >> 4];
		out[len++] = digits[byte & 15];
	}
	return len;
}

/* 16: none. */
static unsigned digit_value(uint8_t c)
{
	if (isdigit(c))
		return (unsigned)c - '0';
	return isxdigit(c) ? (unsigned)tolower(c) - 'a' + 10 : 16;
}

size_t grpc_text_decode(struct bytes text, char out[GRPC_TEXT_MAX])
{
	size_t len = 0;
	for (size_t i = 0; i < text.len && len < GRPC_TEXT_MAX; i++) {
		bool room = text.data[i] == '%' && text.len - i > 2;
		unsigned high = room ? digit_value(text.data[i + 1]) : 16;
		unsigned low = room ? digit_value(text.data[i + 2]) : 16;
		bool encoded = high < 16 && low < 16;
		out[len++] = encoded ? (char)(high << 4 | low) : (char)text.data[i];
		i += encoded ? 2 : 0;
	}
	return len;
}
