#pragma once
#include "common/json.h"

/* How long what came from the KBS may be used, and what happens then. Pure: times are boottime_ms(), handed in. */

#define LEASE_LIFETIME_DEFAULT_S 3600
#define LEASE_LIFETIME_MAX_S (7 * 24 * 3600)

enum prefetch {
	PREFETCH_UNSAID,
	PREFETCH_NEVER,
	PREFETCH_LOGIN, /* by C_Login */
	PREFETCH_SESSION, /* by the first C_OpenSession, too */
};

/* Of an object, or of a token for those objects that do not say. All zero: nothing is said. */
struct lease_terms {
	int64_t lifetime_ms;
	int64_t stale_ms; /* how long beyond that, while the KBS cannot be heard; LEASE_FAIL: not at all */
	enum prefetch prefetch;
};
#define LEASE_FAIL (-1)

/* The members of an object, for json_only_members(). */
#define LEASE_MEMBERS "lifetime", "on-expiry", "stale", "prefetch"
/* ERR_PARSE names the member. */
enum err lease_terms_read(json_object *obj, struct lease_terms *out, struct errmsg *em) MUST_USE;
/* Fills in what is not said. */
void lease_terms_complete(struct lease_terms *terms, const struct lease_terms *defaults);
/* Two objects have the same resource: the stricter word of each counts. */
void lease_terms_tighten(struct lease_terms *terms, const struct lease_terms *other);

/* What a failure means to what is held. */
enum lease_fault {
	FAULT_PASSING, /* the KBS was not heard, or not understood */
	FAULT_REFUSED, /* it accepts us no longer, or something in front of it says so: good until the end, not beyond
			*/
	FAULT_WITHDRAWN, /* it denies this resource, or has it no more: good no longer */
};

struct lease {
	int64_t taken_at, renew_at, ends_at, stale_until;
	int64_t tried_at, retry_at; /* of the last failure */
	unsigned failures; /* in a row */
	unsigned postponed; /* in a row */
	enum err failed;
	enum lease_fault fault; /* of that one */
	bool held; /* there is something to use, if only for a stale while */
	bool look; /* C_Login wants a fresh look */
	bool told; /* that it is stale */
};

enum lease_step {
	LEASE_USE,
	LEASE_RENEW, /* use it, and have it renewed meanwhile */
	LEASE_LOOK, /* ask first; where that fails in passing, it may be used */
	LEASE_FETCH, /* nothing to use */
	LEASE_REPEAT, /* nothing to use, and that it fails was seen just now */
};
enum lease_step lease_next(const struct lease *l, int64_t now);

/* Taken now. dice: any 16 random bits, which spread the renewals of many. */
void lease_begin(struct lease *l, const struct lease_terms *terms, int64_t now, uint16_t dice);
/* A try has failed: waits double from 0.2 s; up to 10 s while there is nothing to use, else up to a minute. */
void lease_fail(struct lease *l, enum err e, enum lease_fault fault, int64_t now, uint16_t dice);
/* What the KBS has does not fit together yet: tried again soon, without a failure. */
void lease_postpone(struct lease *l, int64_t now, uint16_t dice);
/* C_Login: no back-off counts, and what is older than some seconds is asked for again at its next use. */
void lease_look(struct lease *l, int64_t now);
/* How long it may still be used, stale time not included; 0 if it may not. */
int64_t lease_left_ms(const struct lease *l, int64_t now);
