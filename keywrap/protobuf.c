#include "keywrap/protobuf.h"

#include "keywrap/secret_join.h"

/* At most ten bytes (64 bits). */
static bool varint_take(struct bytes *text, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; shift < 70 && text->len > 0; shift += 7) {
		uint8_t byte = *text->data++;
		text->len--;
		if (shift == 63 && byte > 1)
			return false;
		*out |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool bytes_take(struct bytes *text, uint64_t len, struct bytes *out)
{
	if (len > text->len)
		return false;
	*out = (struct bytes){ text->data, (size_t)len };
	text->data += len;
	text->len -= (size_t)len;
	return true;
}

enum err proto_next(struct bytes *text, struct proto_field *out, struct errmsg *em)
{
	uint64_t tag = 0;
	uint64_t len = 0;
	bool good = varint_take(text, &tag) && tag >> 3 && tag >> 3 < (1U << 29);
	*out = (struct proto_field){ .number = (uint32_t)(tag >> 3), .type = (enum proto_type)(tag & 7) };
	switch (tag & 7) {
	case PROTO_VARINT:
		good = good && varint_take(text, &out->varint);
		break;
	case PROTO_FIXED64:
		good = good && bytes_take(text, 8, &out->bytes);
		break;
	case PROTO_BYTES:
		good = good && varint_take(text, &len) && bytes_take(text, len, &out->bytes);
		break;
	case PROTO_FIXED32:
		good = good && bytes_take(text, 4, &out->bytes);
		break;
	default:
		good = false; /* groups: long gone */
	}
	return good ? OK : err_set(em, ERR_PARSE, "not a protobuf message");
}

static size_t varint_put(uint8_t *to, uint64_t value)
{
	size_t len = 0;
	for (; value >= 0x80; value >>= 7)
		to[len++] = (uint8_t)(value | 0x80);
	to[len++] = (uint8_t)value;
	return len;
}

static void field_add(struct proto_message *message, uint64_t tag, uint64_t number, struct bytes value)
{
	uint8_t *prefix = message->fields[message->count].prefix;
	size_t len = varint_put(prefix, tag);
	len += varint_put(prefix + len, number);
	message->fields[message->count].prefix_len = len;
	message->fields[message->count].value = value;
	message->count++;
}

void proto_add_bytes(struct proto_message *message, uint32_t number, struct bytes value)
{
	field_add(message, (uint64_t)number << 3 | PROTO_BYTES, value.len, value);
}

void proto_add_varint(struct proto_message *message, uint32_t number, uint64_t value)
{
	field_add(message, (uint64_t)number << 3 | PROTO_VARINT, value, (struct bytes){ 0 });
}

size_t proto_len(const struct proto_message *message)
{
	size_t len = 0;
	for (size_t i = 0; i < message->count; i++)
		len += message->fields[i].prefix_len + message->fields[i].value.len;
	return len;
}

enum err proto_join(struct bytes before, const struct proto_message *message, struct secret **out, struct errmsg *em)
{
	struct bytes parts[1 + 2 * PROTO_FIELDS_MAX] = { before };
	size_t n = 1;
	for (size_t i = 0; i < message->count; i++) {
		parts[n++] = (struct bytes){ message->fields[i].prefix, message->fields[i].prefix_len };
		parts[n++] = message->fields[i].value;
	}
	return secret_join((struct secret_parts){ parts, n }, out, em);
}
