#pragma once
#include "kbs/service.h"

/* From a request's first line and headers to its handler. */

enum body_kind {
	BODY_NONE,
	BODY_JSON, /* outside JSON, no secret */
	BODY_RESOURCE, /* a secret from its first byte */
};

struct route {
	const char *method;
	const char *path;
	bool has_tail; /* `path` is a prefix */
	bool admin;
	enum body_kind body;
	void (*handle)(struct service *s, const struct request *req, struct reply *reply);
};

/* Before any of the body is read: finds the route and checks the administrator's token where one is due. Sets
 * req->tail. NULL: refused, the reply is set (404, 405, 401). */
const struct route *route_admit(struct service *s, struct request *req, struct reply *reply);

/* The bytes of a body that such a route takes. */
size_t route_body_max(const struct service *s, const struct route *route);

void route_too_large(const struct route *route, struct reply *reply); /* 413 */
