#pragma once
#include "image/registry.h"

/* Docker's token authentication, distribution "Token Authentication Specification". */

struct token_request {
	const struct auth_challenge *challenge;
	const char *scope;
};

/* Asks the challenge's realm. out: "Bearer TOKEN", the caller's. ERR_AUTH, ERR_PROTO, ... */
enum err registry_token_fetch(struct registry *r, const struct token_request *q, struct secret **out,
			      struct deadline *until, struct errmsg *em) MUST_USE;

/* "Basic BASE64" of the registry's user and password; NULL where there are none. */
enum err registry_basic(const struct registry *r, struct secret **out, struct errmsg *em) MUST_USE;

/* What the realm answered; for tests of it. */
enum err registry_token_parse(struct bytes answer, struct secret **out, struct deadline *until,
			      struct errmsg *em) MUST_USE;
