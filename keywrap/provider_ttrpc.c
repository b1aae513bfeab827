#define _GNU_SOURCE 1
#include "keywrap/provider_ttrpc.h"

#include "keywrap/rpc_code.h"
#include "keywrap/ttrpc.h"
#include "keywrap/wire_address.h"

#define STREAM 1

static enum err answer_take(struct bytes message, struct secret **answer, struct errmsg *em)
{
	struct ttrpc_response response;
	struct bytes octets;
	enum err e = ttrpc_response_read(message, &response, em);
	if (e != OK)
		return e;
	if (response.code != RPC_OK)
		return rpc_failed(response.code, response.message, em);
	e = ttrpc_bytes_read(response.payload, &octets, em);
	return e == OK ? secret_copy(octets, answer, em) : e;
}

static enum err response_receive(int fd, struct deadline until, struct secret **answer, struct errmsg *em)
{
	uint8_t bytes[TTRPC_HEADER];
	AUTO(secret) *message = NULL;
	enum err e = ttrpc_receive(fd, bytes, sizeof(bytes), until, em);
	if (e != OK)
		return e;
	struct ttrpc_header header = ttrpc_header_read(bytes);
	if (header.type != TTRPC_RESPONSE || header.stream != STREAM)
		return err_set(em, ERR_PROTO, "it sent no response to the request");
	if (header.len > PROVIDER_MESSAGE_MAX)
		return err_set(em, ERR_LIMIT, "it sent %u bytes", header.len);
	e = secret_new(header.len, &message, em);
	if (e == OK)
		e = ttrpc_receive(fd, secret_data(message), header.len, until, em);
	return e == OK ? answer_take(secret_bytes(message), answer, em) : e;
}

enum err provider_ttrpc_run(const struct provider_ttrpc_call *call, struct deadline until, struct secret **answer,
			    struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	AUTO(secret) *payload = NULL;
	AUTO(secret) *frame = NULL;
	struct wire_address to;
	enum err e = wire_address_parse(call->address, &to, em);
	if (e == OK)
		e = ttrpc_bytes_write(call->request, &payload, em);
	struct ttrpc_request request = {
		.service = bytes_str(PROVIDER_SERVICE),
		.method = bytes_str(call->op == PROVIDER_WRAP ? "WrapKey" : "UnWrapKey"),
		.payload = secret_bytes(payload),
		.timeout_ns = deadline_left_ms(until) * 1000000,
	};
	if (e == OK)
		e = ttrpc_request_write(STREAM, &request, &frame, em);
	if (e == OK)
		e = wire_connect(&to, until, &fd, em);
	if (e == OK)
		e = ttrpc_send(fd, secret_bytes(frame), until, em);
	return e == OK ? response_receive(fd, until, answer, em) : e;
}
