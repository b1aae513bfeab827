#include "keywrap/rpc_code.h"

#include <ctype.h>

#define MESSAGE_MAX 300

/* Both ways, so that what a provider met reaches its caller's exit code. UNAVAILABLE and DEADLINE_EXCEEDED are what
 * others try again; ERR_KEY and ERR_NOT_FOUND are one to them. */
enum rpc_code rpc_code_of(enum err e)
{
	switch (e) {
	case OK:
		return RPC_OK;
	case ERR_ARG:
	case ERR_PARSE:
	case ERR_PROTO:
		return RPC_INVALID_ARGUMENT;
	case ERR_NOT_FOUND:
	case ERR_KEY:
		return RPC_NOT_FOUND;
	case ERR_DENIED:
	case ERR_ATTEST:
	case ERR_EXPIRED:
		return RPC_PERMISSION_DENIED;
	case ERR_AUTH:
		return RPC_UNAUTHENTICATED;
	case ERR_LIMIT:
	case ERR_NOMEM:
		return RPC_RESOURCE_EXHAUSTED;
	case ERR_NET:
	case ERR_TLS:
	case ERR_BUSY:
		return RPC_UNAVAILABLE;
	case ERR_TIMEOUT:
		return RPC_DEADLINE_EXCEEDED;
	case ERR_INTEGRITY:
	case ERR_CRYPTO:
		return RPC_DATA_LOSS;
	case ERR_UNSUPPORTED:
	case ERR_CONFIG:
		return RPC_FAILED_PRECONDITION;
	default:
		return RPC_INTERNAL;
	}
}

static enum err code_err(int64_t code)
{
	static const enum err errs[RPC_CODE_COUNT_] = {
		[RPC_DEADLINE_EXCEEDED] = ERR_TIMEOUT, [RPC_NOT_FOUND] = ERR_NOT_FOUND,
		[RPC_PERMISSION_DENIED] = ERR_DENIED,  [RPC_RESOURCE_EXHAUSTED] = ERR_LIMIT,
		[RPC_UNIMPLEMENTED] = ERR_UNSUPPORTED, [RPC_FAILED_PRECONDITION] = ERR_UNSUPPORTED,
		[RPC_UNAVAILABLE] = ERR_NET,           [RPC_DATA_LOSS] = ERR_INTEGRITY,
		[RPC_UNAUTHENTICATED] = ERR_AUTH,
	};
	return code > 0 && code < RPC_CODE_COUNT_ && errs[code] ? errs[code] : ERR_PROTO;
}

enum err rpc_failed(int64_t code, struct bytes message, struct errmsg *em)
{
	char text[MESSAGE_MAX + 1];
	size_t len = message.len < MESSAGE_MAX ? message.len : MESSAGE_MAX;
	for (size_t i = 0; i < len; i++)
		text[i] = isprint(message.data[i]) ? (char)message.data[i] : '?';
	text[len] = '\0';
	return err_set(em, code_err(code), "status %lld%s%s", (long long)code, text[0] ? ": " : "", text);
}
