#pragma once
#include "common/deadline.h"
#include "common/secret.h"

/* ttrpc: protobuf messages over a stream socket, each behind a header of ten bytes. Unary calls only. Payloads may be
 * secret: they live in the arena, and what is read is borrowed from there. */

#define TTRPC_HEADER 10
#define TTRPC_MESSAGE_MAX ((size_t)4 * 1024 * 1024) /* the protocol's own bound */

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };

struct ttrpc_header {
	uint32_t len; /* of what follows */
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
};
struct ttrpc_header ttrpc_header_read(const uint8_t from[TTRPC_HEADER]);

struct ttrpc_request {
	struct bytes service;
	struct bytes method;
	struct bytes payload;
	int64_t timeout_ns; /* 0: none */
};
enum err ttrpc_request_read(struct bytes text, struct ttrpc_request *out, struct errmsg *em) MUST_USE;
/* With its header. */
enum err ttrpc_request_write(uint32_t stream, const struct ttrpc_request *request, struct secret **out,
			     struct errmsg *em) MUST_USE;

struct ttrpc_response {
	int32_t code; /* rpc_code.h */
	struct bytes message;
	struct bytes payload;
};
enum err ttrpc_response_read(struct bytes text, struct ttrpc_response *out, struct errmsg *em) MUST_USE;
enum err ttrpc_response_write(uint32_t stream, const struct ttrpc_response *response, struct secret **out,
			      struct errmsg *em) MUST_USE;

/* A message whose only member is `bytes`, number 1: what key providers get and give. */
enum err ttrpc_bytes_read(struct bytes text, struct bytes *out, struct errmsg *em) MUST_USE;
enum err ttrpc_bytes_write(struct bytes value, struct secret **out, struct errmsg *em) MUST_USE;

/* Sockets. `fd` does not block; ERR_TIMEOUT, ERR_NET (also: the peer closed it). SIGPIPE is never raised. */
enum err ttrpc_send(int fd, struct bytes what, struct deadline until, struct errmsg *em) MUST_USE;
enum err ttrpc_receive(int fd, uint8_t *to, size_t len, struct deadline until, struct errmsg *em) MUST_USE;
