#pragma once
#include "keywrap/provider_server.h"

/* A key provider behind a ttrpc socket, for whoever keeps a connection: requests of one connection are answered in
 * their order, connections at the same time. */

/* A listening socket at "unix:///path" (mode 0600; what a dead daemon left there is taken away) or "unix://@name".
 * ERR_EXISTS: somebody listens there, or it is no socket. */
enum err provider_daemon_listen(const char *address, int *out, struct errmsg *em) MUST_USE;

/* Serves peers that are root or the same user until `stop` is readable (which is not read); then waits at most 5 s for
 * those who are being answered. ERR_BUSY: some still are, and use `server`. */
struct provider_daemon {
	struct provider_server *server;
	int listener; /* does not block */
	int stop;
};
enum err provider_daemon_run(const struct provider_daemon *daemon, struct errmsg *em) MUST_USE;
