#pragma once
#include "common/secret.h"

/* What a key provider and its caller say to each other: JSON, the same over every transport. The layer's options
 * (optsdata) are secret and never leave the arena. Members are read in either case of letters, octets as base64 or as
 * an array of numbers: Go writes the former, Rust the latter. */

#define PROVIDER_MESSAGE_MAX ((size_t)256 * 1024)
#define PROVIDER_ARGS_MAX 64

enum provider_op { PROVIDER_WRAP, PROVIDER_UNWRAP };

/* Which provider, and what the user has to say to it: "provider:NAME:args". Borrowed. */
struct provider_call {
	const char *name;
	const struct secret *args[PROVIDER_ARGS_MAX];
	size_t arg_count;
};

/* The caller's side. `what`: the layer's options to wrap, or the element to unwrap. */
enum err provider_request_write(enum provider_op op, const struct provider_call *call, struct bytes what,
				struct secret **out, struct errmsg *em) MUST_USE;
/* The element, or the layer's options; never empty. ERR_PARSE. */
enum err provider_answer_read(enum provider_op op, struct bytes answer, struct secret **out,
			      struct errmsg *em) MUST_USE;

/* The provider's side. */
struct provider_request {
	enum provider_op op;
	struct secret *what;
	struct secret *args; /* the first of them, or NULL */
};
void provider_request_clear(struct provider_request *request);
#define AUTO_PROVIDER_REQUEST __attribute__((cleanup(provider_request_clear))) struct provider_request
/* `name`: whose arguments count; NULL: those of the only provider that the request names. */
enum err provider_request_read(struct bytes text, const char *name, struct provider_request *out,
			       struct errmsg *em) MUST_USE;
/* Octets as an array of numbers: what both Go's and Rust's callers take. */
enum err provider_answer_write(enum provider_op op, struct bytes what, struct secret **out, struct errmsg *em) MUST_USE;
