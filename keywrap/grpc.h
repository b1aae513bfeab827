#pragma once
#include "keywrap/provider_message.h"

/* gRPC over HTTP/2, what both sides need of it. Unary calls with one message each way, never compressed. */

#define GRPC_PATH_PREFIX "/keyprovider.KeyProviderService/"
#define GRPC_TYPE "application/grpc"
#define GRPC_PREFIX 5
#define GRPC_MESSAGE_MAX (PROVIDER_MESSAGE_MAX + 16)

/* The only message of a stream, as it comes in. */
struct grpc_body {
	uint8_t prefix[GRPC_PREFIX];
	size_t len; /* so far, prefix included */
	struct secret *message;
};
void grpc_body_clear(struct grpc_body *body);
/* ERR_UNSUPPORTED (compressed), ERR_LIMIT, ERR_PROTO (a second message). */
enum err grpc_body_take(struct grpc_body *body, struct bytes part, struct errmsg *em) MUST_USE;
/* All has come. *out: borrowed. ERR_PROTO: nothing, or half of it. */
enum err grpc_body_end(const struct grpc_body *body, struct bytes *out, struct errmsg *em) MUST_USE;

/* The message with `octets` as its first member, behind its prefix. */
enum err grpc_frame(struct bytes octets, struct secret **out, struct errmsg *em) MUST_USE;

/* "grpc-timeout": at most eight digits and a unit. ERR_PARSE. */
enum err grpc_timeout_parse(struct bytes text, int64_t *ms, struct errmsg *em) MUST_USE;
#define GRPC_TIMEOUT_MAX 12
void grpc_timeout_write(int64_t ms, char out[GRPC_TIMEOUT_MAX]);

/* "grpc-message": percent-encoded. What is no encoding stays as it is. */
#define GRPC_TEXT_MAX 1024
size_t grpc_text_encode(const char *text, char out[GRPC_TEXT_MAX]);
size_t grpc_text_decode(struct bytes text, char out[GRPC_TEXT_MAX]);
