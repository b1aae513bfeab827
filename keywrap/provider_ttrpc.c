#define _GNU_SOURCE 1
#include "keywrap/provider_ttrpc.h"

#include "keywrap/ttrpc.h"

#include <ctype.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#define STREAM 1

/* A socket whose backlog is full says EAGAIN: tried again until the deadline. */
static enum err socket_open(const char *address, struct deadline until, int *out, struct errmsg *em)
{
	struct sockaddr_un to;
	uint32_t len = 0;
	enum err e = ttrpc_address(address, &to, &len, em);
	if (e != OK)
		return e;
	AUTO_FD
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(em, ERR_IO, "no socket");
	while (connect(fd, (const struct sockaddr *)&to, len) != 0) {
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(em, ERR_NET, "not reached");
		if (!deadline_sleep_ms(until, 10))
			return err_set(em, ERR_TIMEOUT, "it took no connection in time");
	}
	*out = fd;
	fd = -1;
	return OK;
}

/* Its message, as far as it is text. */
static enum err status_failed(const struct ttrpc_response *response, struct errmsg *em)
{
	char text[201];
	size_t len = response->message.len < sizeof(text) - 1 ? response->message.len : sizeof(text) - 1;
	for (size_t i = 0; i < len; i++)
		text[i] = isprint(response->message.data[i]) ? (char)response->message.data[i] : '?';
	text[len] = '\0';
	return err_set(em, response->code == TTRPC_DEADLINE_EXCEEDED ? ERR_TIMEOUT : ERR_PROTO, "status %d%s%s",
		       response->code, text[0] ? ": " : "", text);
}

static enum err answer_take(struct bytes message, struct secret **answer, struct errmsg *em)
{
	struct ttrpc_response response;
	struct bytes octets;
	enum err e = ttrpc_response_read(message, &response, em);
	if (e != OK)
		return e;
	if (response.code != TTRPC_OK)
		return status_failed(&response, em);
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
	enum err e = ttrpc_bytes_write(call->request, &payload, em);
	struct ttrpc_request request = {
		.service = bytes_str(PROVIDER_SERVICE),
		.method = bytes_str(call->op == PROVIDER_WRAP ? "WrapKey" : "UnWrapKey"),
		.payload = secret_bytes(payload),
		.timeout_ns = deadline_left_ms(until) * 1000000,
	};
	if (e == OK)
		e = ttrpc_request_write(STREAM, &request, &frame, em);
	if (e == OK)
		e = socket_open(call->address, until, &fd, em);
	if (e == OK)
		e = ttrpc_send(fd, secret_bytes(frame), until, em);
	return e == OK ? response_receive(fd, until, answer, em) : e;
}
