#pragma once
#include "kbc/attestation_result.h"

/* Single flight: however many callers need an Attestation Result, one of them attests and the others wait for it.
 * Knows nothing of HTTP. A failure is not remembered beyond those who waited for it, but the next attempt keeps a
 * distance that grows from 200 ms to 5 s until one succeeds. */
struct flight;

struct flight_pilot {
	/* Attests; called without a lock held, by one thread at a time. May block until the deadline. */
	enum err (*attest)(void *ctx, struct deadline deadline, struct attestation_result **out, struct errmsg *em);
	void *ctx;
};
enum err flight_new(struct flight_pilot pilot, struct flight **out, struct errmsg *em) MUST_USE;
void flight_free(struct flight *f);
AUTO_DEFINE(flight)
void flight_abandon(struct flight *f); /* in a forked child: takes no lock */

/* A result that serves, other than `refused` (or NULL), which the KBS no longer accepts. Blocks, at most until the
 * deadline. out: a reference, the caller's. */
struct flight_wish {
	const struct attestation_result *refused;
	struct deadline deadline;
};
enum err flight_result(struct flight *f, struct flight_wish wish, struct attestation_result **out,
		       struct errmsg *em) MUST_USE;

/* The result that is held, NULL if there is none: a reference, the caller's. */
struct attestation_result *flight_held(struct flight *f);
/* Forgets `r` if it is still the one that is held. */
void flight_drop(struct flight *f, const struct attestation_result *r);
