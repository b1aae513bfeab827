#pragma once
#include "common/key.h"
#include "kbs/header.h"

/* Sessions: from the challenge (POST auth) to the end of their life. Thread-safe. The clock is the caller's:
 * milliseconds that never run backwards.
 *
 * A session is open, then taken (its nonce is spent, evidence is being verified), then attested. Open ones are
 * bounded apart from the others, so that anyone's `auth` pushes out no attested session. */
struct sessions;

struct session_limits {
	size_t max; /* open ones, and as many taken and attested ones */
	int64_t lifetime_ms; /* from `auth`; attesting does not lengthen it */
	int64_t grace_ms; /* an open session younger than this is not pushed out by a newer one */
};
enum err sessions_new(struct session_limits limits, struct sessions **out, struct errmsg *em) MUST_USE;
void sessions_free(struct sessions *s);
AUTO_DEFINE(sessions)

struct session_challenge {
	char id[SESSION_ID_LEN + 1];
	char nonce[48]; /* standard base64 of 32 random bytes */
	char tee[24];
	char hash[8]; /* "sha256", "sha384", "sha512" */
};
/* Opens one: takes tee and hash from *c, sets id and nonce. When all are in use the oldest open one makes room;
 * ERR_BUSY if that one is younger than the grace. */
enum err sessions_open(struct sessions *s, int64_t now_ms, struct session_challenge *c, struct errmsg *em) MUST_USE;

/* Spends the nonce: of any number of callers one gets OK, the rest ERR_AUTH, whatever becomes of the evidence.
 * ERR_AUTH: not known, expired, or spent. ERR_BUSY: too many attested ones. End with sessions_attest or
 * sessions_drop. */
enum err sessions_take(struct sessions *s, const char *id, int64_t now_ms, struct session_challenge *out,
		       struct errmsg *em) MUST_USE;

/* What an attested peer has: to whom a resource is sealed, and what policy asks for. */
struct grant {
	char tee[24];
	EVP_PKEY *key; /* the TEE's public key */
	char *claims; /* JSON: what was verified of it; NULL: nothing */
};
void grant_clear(struct grant *g);
#define AUTO_GRANT __attribute__((cleanup(grant_clear))) struct grant

/* The evidence holds: the session is attested. Keeps key and claims of the grant for itself. ERR_AUTH: expired
 * meanwhile. */
enum err sessions_attest(struct sessions *s, const char *id, int64_t now_ms, const struct grant *grant,
			 struct errmsg *em) MUST_USE;
void sessions_drop(struct sessions *s, const char *id);

/* ERR_AUTH unless attested and alive. out: clear it. */
enum err sessions_grant(struct sessions *s, const char *id, int64_t now_ms, struct grant *out,
			struct errmsg *em) MUST_USE;

struct session_counts {
	size_t open;
	size_t attested; /* and taken */
};
struct session_counts sessions_count(struct sessions *s, int64_t now_ms);
