#pragma once
#include "common/json.h"

/* What a handler answers. Zero-initialised = none yet (status 0). */
struct reply {
	unsigned status;
	const char *content_type; /* static */
	char *body; /* malloc'd; NULL = empty */
	char session[40]; /* id for Set-Cookie, or "" */
	unsigned retry_after; /* seconds, 0 = no such header */
};
void reply_clear(struct reply *r);

/* Takes `body` (malloc'd JSON); NULL = no memory, answered with 503. */
void reply_json(struct reply *r, char *body);
void reply_text(struct reply *r, char *body);
void reply_empty(struct reply *r);

/* The error variants of the protocol, "Errors". */
enum fault {
	FAULT_ATTESTATION,
	FAULT_TOKEN_NOT_FOUND,
	FAULT_TOKEN_VERIFIER,
	FAULT_POLICY_DENY,
	FAULT_PLUGIN_INTERNAL,
	FAULT_ADMIN_AUTH,
	FAULT_JWE,
	FAULT_INVALID_PATH,
	FAULT_PLUGIN_NOT_FOUND,
};
/* {"type":...,"detail":...} with the status that fits `e`. What went wrong inside (files, memory, OpenSSL) is logged
 * and not told to the peer. */
void reply_fault(struct reply *r, enum fault fault, enum err e, const struct errmsg *em);
/* The same with a status that no code stands for (405, 501). */
void reply_fault_status(struct reply *r, enum fault fault, unsigned status, const char *detail);
