#pragma once
#include "common/deadline.h"
#include "keywrap/provider_message.h"

/* A key provider behind a ttrpc socket: keyprovider.KeyProviderService, WrapKey and UnWrapKey. */

#define PROVIDER_SERVICE "keyprovider.KeyProviderService"

/* One call on a connection of its own. address: "unix:///path" or "unix://@name". Blocks until the deadline at most.
 * ERR_NET, ERR_TIMEOUT, ERR_LIMIT, ERR_PROTO (the provider failed: the text has its status). */
struct provider_ttrpc_call {
	const char *address;
	enum provider_op op;
	struct bytes request;
};
enum err provider_ttrpc_run(const struct provider_ttrpc_call *call, struct deadline until, struct secret **answer,
			    struct errmsg *em) MUST_USE;
