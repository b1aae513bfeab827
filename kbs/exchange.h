#pragma once
#include "kbs/body.h"
#include "kbs/kbs.h"
#include "kbs/route.h"

#include <microhttpd.h>

/* One HTTP request and its answer: libmicrohttpd on one side, routes and handlers on the other. */
struct exchange;

struct exchange_start {
	struct service *service;
	struct MHD_Connection *connection;
	const char *method;
	const char *path;
	int64_t max_ms; /* from the headers to the end of the body */
};

/* Headers are in. NULL without memory. */
struct exchange *exchange_begin(const struct exchange_start *start);
void exchange_free(struct exchange *x);
/* True if it is to be answered now, body or not. */
bool exchange_answers_early(const struct exchange *x);
/* A part of the body. False: the connection is to be closed (too long or too slow). */
bool exchange_take(struct exchange *x, struct bytes part);
/* The body is in: calls the handler where none of the steps before refused, and queues the answer. */
enum MHD_Result exchange_answer(struct exchange *x);
/* What an access log says of it. Borrowed; `peer` is written to. */
void exchange_describe(const struct exchange *x, char *peer, size_t cap, struct kbs_access *out);
