#pragma once
#include "common/bytes.h"
#include "common/err.h"

/* google.rpc.Code: how gRPC and ttrpc say what failed. */
enum rpc_code {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_PERMISSION_DENIED = 7,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_ABORTED = 10,
	RPC_OUT_OF_RANGE = 11,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
	RPC_DATA_LOSS = 15,
	RPC_UNAUTHENTICATED = 16,
	RPC_CODE_COUNT_
};

/* As a key provider says it. */
enum rpc_code rpc_code_of(enum err e);

/* As its caller hears it; `code` is not RPC_OK. The text is "status 5: " and the peer's message, as far as that is
 * text; the peer's message is bounded. */
enum err rpc_failed(int64_t code, struct bytes message, struct errmsg *em) MUST_USE;
