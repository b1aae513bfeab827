#pragma once
#include "common/deadline.h"
#include "common/err.h"

/* When to try again: on connection errors, 429 and 5xx, never on a refusal. Waits double from 200 ms with a
 * quarter of jitter, so that many guests that lost one KBS do not come back at once. */

#define RETRY_TRIES 5 /* at most, the first included */
#define RETRY_FIRST_MS 200
#define RETRY_LONGEST_MS 5000
#define RETRY_AFTER_LONGEST_MS 10000 /* the most that a Retry-After is honoured */

struct retry {
	struct deadline deadline;
	unsigned tries; /* so far */
};

bool retry_worth(enum err e);

/* The wait before try number `tries` + 1, jitter included. */
int64_t retry_backoff_ms(unsigned tries);

/* Sleeps until the next try, at least `after_ms`. False: no more tries, or the deadline would pass. */
bool retry_wait(struct retry *r, int64_t after_ms);
