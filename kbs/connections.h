#pragma once
#include "common/deadline.h"
#include "common/err.h"

#include <microhttpd.h>

/* Cuts off connections that take too long over the headers of a request. libmicrohttpd's own timeout starts again with
 * every byte, so that a byte now and then would hold a connection for hours. */
struct connections;

/* Starts a thread. max_ms: from the connection's start, or the end of the request before, to the end of the headers. */
enum err connections_new(int64_t max_ms, struct connections **out, struct errmsg *em) MUST_USE;
void connections_free(struct connections *c); /* once the daemon is stopped; NULL is fine */

/* For MHD_OPTION_NOTIFY_CONNECTION; cls is the struct connections. */
void connections_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode code);
/* The headers of a request are in; it was answered. */
void connections_busy(struct connections *c, struct MHD_Connection *connection);
void connections_idle(struct connections *c, struct MHD_Connection *connection);
