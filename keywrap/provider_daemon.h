#pragma once
#include "keywrap/provider_server.h"
#include "keywrap/wire_tls.h"

/* A key provider behind sockets, for whoever keeps a connection. Connections and their requests are served at the same
 * time, each bounded in number, size and time. When there are too many connections, the one that is idle for the
 * longest time ends. */

#define PROVIDER_LISTENERS_MAX 8

enum provider_protocol { PROVIDER_TTRPC, PROVIDER_GRPC };

struct provider_listener {
	int fd; /* does not block */
	enum provider_protocol protocol;
	SSL_CTX *tls; /* NULL: plain */
};

/* Serves until `stop` is readable (which is not read); then waits at most 5 s for those who are being answered. At a
 * Unix socket, and without TLS at a loopback address, only root and the same user are served. ERR_BUSY: some are not
 * answered yet, and use `server`. */
struct provider_daemon {
	struct provider_server *server;
	struct provider_listener listeners[PROVIDER_LISTENERS_MAX];
	size_t count;
	int stop;
};
enum err provider_daemon_run(const struct provider_daemon *daemon, struct errmsg *em) MUST_USE;
