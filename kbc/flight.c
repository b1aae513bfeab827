#include "kbc/flight.h"

#include "kbc/retry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct flight {
	struct flight_pilot pilot;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t landed; /* CLOCK_MONOTONIC; an attempt has ended */
	struct attestation_result *result; /* or NULL */
	bool flying;
	unsigned long started; /* attempts so far; also the number of the latest */
	unsigned long ended; /* number of the latest that ended */
	enum err outcome; /* of that one */
	struct errmsg reason;
	unsigned failures; /* in a row */
	int64_t not_before_ms; /* the next attempt, while failures > 0 */
};

enum err flight_new(struct flight_pilot pilot, struct flight **out, struct errmsg *em)
{
	pthread_condattr_t attr;
	struct flight *f = calloc(1, sizeof(*f));
	if (!f || pthread_condattr_init(&attr) != 0) {
		free(f);
		return err_nomem(em, "an attestation");
	}
	f->pilot = pilot;
	pthread_mutex_init(&f->lock, NULL);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&f->landed, &attr);
	pthread_condattr_destroy(&attr);
	*out = f;
	return OK;
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	attestation_result_free(f->result);
	pthread_cond_destroy(&f->landed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void flight_abandon(struct flight *f)
{
	if (!f)
		return;
	attestation_result_abandon(f->result);
	free(f);
}

struct attestation_result *flight_held(struct flight *f)
{
	pthread_mutex_lock(&f->lock);
	struct attestation_result *r = f->result ? attestation_result_ref(f->result) : NULL;
	pthread_mutex_unlock(&f->lock);
	return r;
}

void flight_drop(struct flight *f, const struct attestation_result *r)
{
	struct attestation_result *gone = NULL;
	pthread_mutex_lock(&f->lock);
	if (f->result == r)
		gone = steal(&f->result);
	pthread_mutex_unlock(&f->lock);
	attestation_result_free(gone);
}

static bool serves_locked(const struct flight *f, const struct flight_wish *wish, bool ahead)
{
	return f->result && f->result != wish->refused && attestation_result_serves(f->result, boottime_ms(), ahead);
}

/* Waits for an attempt to end, or for the distance after a failed one. False when the deadline has passed. */
static bool wait_locked(struct flight *f, struct deadline until, struct deadline deadline)
{
	struct timespec ts = deadline_timespec(deadline_earlier(until, deadline));
	(void)pthread_cond_timedwait(&f->landed, &f->lock, &ts);
	return !deadline_passed(deadline);
}

static void land_locked(struct flight *f, enum err e, struct attestation_result *fresh, const struct errmsg *em)
{
	f->flying = false;
	f->ended = f->started;
	f->outcome = e;
	if (e == OK) {
		struct attestation_result *old = f->result;
		f->result = fresh;
		f->failures = 0;
		attestation_result_free(old);
	} else {
		f->reason = *em;
		f->not_before_ms = monotonic_ms() + retry_backoff_ms(++f->failures);
	}
	pthread_cond_broadcast(&f->landed);
}

static enum err lead_locked(struct flight *f, struct deadline deadline, struct errmsg *em)
{
	struct attestation_result *fresh = NULL;
	struct errmsg reason = { "" };
	f->flying = true;
	f->started++;
	pthread_mutex_unlock(&f->lock);
	enum err e = f->pilot.attest(f->pilot.ctx, deadline, &fresh, &reason);
	pthread_mutex_lock(&f->lock);
	land_locked(f, e, fresh, &reason);
	return e == OK ? OK : err_set(em, e, "%s", reason.text);
}

/* An attempt that this caller waited for has failed: is that the answer? It is if it was a refusal, or if the attempt
 * began after the caller came; one that began earlier may have run out of someone else's time. */
static bool failed_for_me_locked(const struct flight *f, unsigned long waited_for, unsigned long came_at)
{
	if (!waited_for || f->ended < waited_for || f->outcome == OK)
		return false;
	return !retry_worth(f->outcome) || f->ended > came_at;
}

/* OK: f->result serves. */
static enum err obtain_locked(struct flight *f, const struct flight_wish *wish, struct errmsg *em)
{
	unsigned long came_at = f->started, waited_for = 0;
	while (!serves_locked(f, wish, true)) {
		struct deadline pause = { f->not_before_ms };
		if (f->flying) {
			waited_for = f->started;
			if (!wait_locked(f, wish->deadline, wish->deadline))
				return err_set(em, ERR_TIMEOUT, "the deadline passed while another thread attests");
		} else if (failed_for_me_locked(f, waited_for, came_at)) {
			return err_set(em, f->outcome, "%s", f->reason.text);
		} else if (f->failures && !deadline_passed(pause)) {
			if (!wait_locked(f, pause, wish->deadline))
				return err_set(em, f->outcome, "%s", f->reason.text);
		} else {
			enum err e = lead_locked(f, wish->deadline, em);
			return e == OK || (retry_worth(e) && serves_locked(f, wish, false)) ? OK : e;
		}
	}
	return OK;
}

enum err flight_result(struct flight *f, struct flight_wish wish, struct attestation_result **out, struct errmsg *em)
{
	*out = NULL;
	pthread_mutex_lock(&f->lock);
	enum err e = obtain_locked(f, &wish, em);
	if (e == OK)
		*out = attestation_result_ref(f->result);
	pthread_mutex_unlock(&f->lock);
	return e;
}
