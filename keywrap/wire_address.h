#pragma once
#include "common/deadline.h"
#include "common/err.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where a key provider listens: "unix:///path", "unix://@name" (abstract), and, for gRPC, "host:port", "[::1]:port" or
 * "dns:///host:port". */

#define WIRE_HOST_MAX 254

struct wire_address {
	bool local; /* a Unix socket: `at`; else host and port */
	struct sockaddr_un at;
	socklen_t len;
	char host[WIRE_HOST_MAX];
	char port[6];
};
/* ERR_ARG. */
enum err wire_address_parse(const char *text, struct wire_address *out, struct errmsg *em) MUST_USE;
/* Stays on this machine: a Unix socket, localhost, 127.0.0.0/8, ::1. Never asks a name server. */
bool wire_address_loopback(const struct wire_address *address);

/* A connected socket that does not block. Takes at most until the deadline, name server included.
 * ERR_NET, ERR_TIMEOUT, ERR_IO. */
enum err wire_connect(const struct wire_address *address, struct deadline until, int *out, struct errmsg *em) MUST_USE;

/* A listening socket that does not block. A path gets mode 0600, and what a dead daemon left there is taken away; a
 * host is a number or localhost, a port may be 0. ERR_EXISTS: somebody listens there, or it is no socket. */
enum err wire_listen(const struct wire_address *address, int *out, struct errmsg *em) MUST_USE;
/* What it listens at, as wire_address_parse() reads it. */
#define WIRE_NAME_MAX 300
enum err wire_name(int listener, char out[WIRE_NAME_MAX], struct errmsg *em) MUST_USE;
