#include "keywrap/ttrpc.h"

#include "keywrap/protobuf.h"
#include "keywrap/wire.h"

static uint32_t be32_read(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void be32_write(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

struct ttrpc_header ttrpc_header_read(const uint8_t from[TTRPC_HEADER])
{
	return (struct ttrpc_header){ be32_read(from), be32_read(from + 4), from[8], from[9] };
}

/* The header before the parts. */
static enum err frame_join(struct ttrpc_header header, struct proto_message *message, struct secret **out,
			   struct errmsg *em)
{
	uint8_t bytes[TTRPC_HEADER];
	size_t len = proto_len(message);
	if (len > TTRPC_MESSAGE_MAX)
		return err_set(em, ERR_LIMIT, "a message of %zu bytes", len);
	be32_write(bytes, (uint32_t)len);
	be32_write(bytes + 4, header.stream);
	bytes[8] = header.type;
	bytes[9] = header.flags;
	return proto_join(BYTES(bytes), message, out, em);
}

enum err ttrpc_request_read(struct bytes text, struct ttrpc_request *out, struct errmsg *em)
{
	struct proto_field field;
	*out = (struct ttrpc_request){ .timeout_ns = 0 };
	while (text.len > 0) {
		enum err e = proto_next(&text, &field, em);
		if (e != OK)
			return e;
		if (field.number == 1 && field.type == PROTO_BYTES)
			out->service = field.bytes;
		else if (field.number == 2 && field.type == PROTO_BYTES)
			out->method = field.bytes;
		else if (field.number == 3 && field.type == PROTO_BYTES)
			out->payload = field.bytes;
		else if (field.number == 4 && field.type == PROTO_VARINT)
			out->timeout_ns = (int64_t)field.varint;
		else if (field.number <= 4)
			return err_set(em, ERR_PARSE, "member %u of a request has another type", field.number);
	}
	return OK;
}

enum err ttrpc_request_write(uint32_t stream, const struct ttrpc_request *request, struct secret **out,
			     struct errmsg *em)
{
	struct proto_message message = { .count = 0 };
	proto_add_bytes(&message, 1, request->service);
	proto_add_bytes(&message, 2, request->method);
	proto_add_bytes(&message, 3, request->payload);
	if (request->timeout_ns)
		proto_add_varint(&message, 4, (uint64_t)request->timeout_ns);
	return frame_join((struct ttrpc_header){ .stream = stream, .type = TTRPC_REQUEST }, &message, out, em);
}

static enum err status_read(struct bytes text, struct ttrpc_response *out, struct errmsg *em)
{
	struct proto_field field;
	while (text.len > 0) {
		enum err e = proto_next(&text, &field, em);
		if (e != OK)
			return e;
		if (field.number == 1 && field.type == PROTO_VARINT)
			out->code = (int32_t)field.varint;
		else if (field.number == 2 && field.type == PROTO_BYTES)
			out->message = field.bytes;
		else if (field.number <= 2)
			return err_set(em, ERR_PARSE, "member %u of a status has another type", field.number);
	}
	return OK;
}

enum err ttrpc_response_read(struct bytes text, struct ttrpc_response *out, struct errmsg *em)
{
	struct proto_field field;
	*out = (struct ttrpc_response){ .code = 0 };
	while (text.len > 0) {
		enum err e = proto_next(&text, &field, em);
		if (e == OK && field.number <= 2 && field.type != PROTO_BYTES)
			e = err_set(em, ERR_PARSE, "member %u of a response has another type", field.number);
		if (e == OK && field.number == 1)
			e = status_read(field.bytes, out, em);
		if (e != OK)
			return e;
		if (field.number == 2)
			out->payload = field.bytes;
	}
	return OK;
}

enum err ttrpc_response_write(uint32_t stream, const struct ttrpc_response *response, struct secret **out,
			      struct errmsg *em)
{
	struct proto_message message = { .count = 0 };
	struct proto_message inner = { .count = 0 };
	AUTO(secret) *status = NULL;
	if (response->code != 0)
		proto_add_varint(&inner, 1, (uint64_t)response->code);
	if (response->message.len)
		proto_add_bytes(&inner, 2, response->message);
	enum err e = proto_join((struct bytes){ 0 }, &inner, &status, em);
	if (e != OK)
		return e;
	proto_add_bytes(&message, 1, secret_bytes(status));
	if (response->payload.len)
		proto_add_bytes(&message, 2, response->payload);
	return frame_join((struct ttrpc_header){ .stream = stream, .type = TTRPC_RESPONSE }, &message, out, em);
}

enum err ttrpc_bytes_read(struct bytes text, struct bytes *out, struct errmsg *em)
{
	struct proto_field field;
	*out = (struct bytes){ 0 };
	while (text.len > 0) {
		enum err e = proto_next(&text, &field, em);
		if (e != OK)
			return e;
		if (field.number != 1)
			continue;
		if (field.type != PROTO_BYTES)
			return err_set(em, ERR_PARSE, "member 1 of a message has another type");
		*out = field.bytes;
	}
	return OK;
}

enum err ttrpc_bytes_write(struct bytes value, struct secret **out, struct errmsg *em)
{
	struct proto_message message = { .count = 0 };
	if (value.len)
		proto_add_bytes(&message, 1, value);
	return proto_join((struct bytes){ 0 }, &message, out, em);
}

enum err ttrpc_send(int fd, struct bytes what, struct deadline until, struct errmsg *em)
{
	struct wire wire = { .fd = fd };
	while (what.len > 0) {
		size_t n = 0;
		enum err e = wire_write(&wire, what, &n, em);
		if (e == OK && n == 0)
			e = wire_wait(&wire, until, em);
		if (e != OK)
			return e;
		what.data += n;
		what.len -= n;
	}
	return OK;
}

enum err ttrpc_receive(int fd, uint8_t *to, size_t len, struct deadline until, struct errmsg *em)
{
	struct wire wire = { .fd = fd };
	while (len > 0) {
		size_t n = 0;
		enum err e = wire_read(&wire, (struct wire_room){ to, len }, &n, em);
		if (e == OK && n == 0)
			e = wire_wait(&wire, until, em);
		if (e != OK)
			return e;
		to += n;
		len -= n;
	}
	return OK;
}
