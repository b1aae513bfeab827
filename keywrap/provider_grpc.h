#pragma once
#include "common/deadline.h"
#include "keywrap/provider_message.h"
#include "keywrap/wire_tls.h"

/* A key provider by gRPC, as its caller: keyprovider.KeyProviderService, WrapKey and UnWrapKey. One call on a
 * connection of its own. */
struct provider_grpc_call {
	const char *address; /* wire_address.h */
	const struct wire_tls *tls; /* NULL: plain */
	const char *server_name; /* whose certificate it must be; NULL: the address's host */
	enum provider_op op;
	struct bytes request;
};
/* Blocks until the deadline at most. ERR_NET, ERR_TIMEOUT, ERR_TLS, ERR_LIMIT, ERR_PROTO, and what rpc_failed() makes
 * of the provider's status. */
enum err provider_grpc_run(const struct provider_grpc_call *call, struct deadline until, struct secret **answer,
			   struct errmsg *em) MUST_USE;
