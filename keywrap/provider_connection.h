#pragma once
#include "keywrap/provider_peer.h"
#include "keywrap/wire.h"

#include <stdatomic.h>

/* One connection of a key provider's daemon: its socket and its protocol brought together. */
struct provider_connection {
	int fd; /* connected, does not block; closed at the end by its owner */
	SSL_CTX *tls; /* NULL: plain */
	struct provider_peer *(*protocol)(void);
	struct provider_jobs *jobs;
	int stop; /* readable once no further requests are taken */
	atomic_llong *idle_since; /* of monotonic_ms(); 0: busy */
};
/* Until the peer closes it, breaks the protocol, or lets us wait; or `stop`, once all is answered. Leaves the socket
 * open, without TLS. SIGPIPE is blocked. */
void provider_connection_serve(const struct provider_connection *connection);
