#pragma once
#include "common/secret.h"

/* As much of protobuf's wire format as key providers need. What is read is borrowed; what is written lives in the
 * arena. */

enum proto_type { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_field {
	uint32_t number;
	enum proto_type type;
	uint64_t varint;
	struct bytes bytes;
};
/* Takes one member off the front of `text`, which is not empty. ERR_PARSE. */
enum err proto_next(struct bytes *text, struct proto_field *out, struct errmsg *em) MUST_USE;

/* A message as it is put together: borrowed values behind their tags. */
#define PROTO_FIELDS_MAX 8
struct proto_message {
	size_t count;
	struct {
		uint8_t prefix[24]; /* tag and length, or tag and number */
		size_t prefix_len;
		struct bytes value;
	} fields[PROTO_FIELDS_MAX];
};
void proto_add_bytes(struct proto_message *message, uint32_t number, struct bytes value);
void proto_add_varint(struct proto_message *message, uint32_t number, uint64_t value);
size_t proto_len(const struct proto_message *message);
enum err proto_join(struct bytes before, const struct proto_message *message, struct secret **out,
		    struct errmsg *em) MUST_USE;
