#pragma once
#include "common/http.h"

/* A KBS in memory behind an http_transport: speaks the protocol as a server would (checks cookies, Bearer and the
 * binding of evidence, seals answers to the attested key), counts, and misbehaves where a test asks for it.
 * One for the whole program; fake_kbs_reset() begins a test. */

struct fake_rule {
	const char *route; /* applies to URLs that contain this */
	unsigned times; /* how often it applies, then no more */
	enum err err; /* fail like this instead of answering; what follows is ignored then */
	long status; /* answer this, 0 = as a good KBS would, after the delay */
	const char *body;
	const char *headers; /* "name: value\n" lines */
	int delay_ms;
	bool after; /* err: only after the KBS has dealt with it (the answer is lost) */
};

struct fake_behaviour {
	int64_t valid_s; /* exp - iat of results; default 300 */
	const char *set_cookie_suffix; /* behind the session's value: "; Max-Age=0" */
	const char *hash; /* selected-hash-algorithm; NULL: not selected */
	bool seal_for_another; /* key than the one attested */
	size_t token_padding; /* further bytes in the JWT */
};

struct fake_counts {
	unsigned opens, closes, abandons;
	unsigned requests, auths, attests, gets;
	unsigned most_at_once; /* requests in flight */
};

struct fake_seen {
	char url[512];
	char cookie[256];
	char authorization[64]; /* its beginning */
};

const struct http_transport *fake_kbs(void);
void fake_kbs_reset(void);
void fake_kbs_rule(struct fake_rule rule);
void fake_kbs_behave(struct fake_behaviour b);
void fake_kbs_forget_sessions(void); /* a restart: cookies mean nothing any more, results still do */
void fake_kbs_forget_all(void); /* results neither */
struct fake_counts fake_kbs_counts(void);
struct fake_seen fake_kbs_seen(void); /* the last request */

/* Resources: default/key/1 .. 9 hold "resource 1" .. "resource 9". */
