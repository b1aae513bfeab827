#pragma once
#include "keywrap/provider_daemon.h"
#include "tools/activation.h"

/* kbs-keyprovider as a daemon. */
struct keyprovider_places {
	const char *ttrpc; /* addresses, or NULL */
	const char *grpc;
	bool grpc_plain; /* also where others can listen */
	struct wire_tls tls; /* for what is not a Unix socket */
	struct activation handed; /* in place of addresses, if there are any */
};
/* Until SIGTERM or SIGINT. ERR_BUSY: some are not answered yet, and use `server`. */
enum err keyprovider_serve(struct provider_server *server, const struct keyprovider_places *places,
			   struct errmsg *em) MUST_USE;
