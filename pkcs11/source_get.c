/* The use of a source: what is held, or what is read for it now. */
#include "common/log.h"
#include "pkcs11/renewal.h"

static enum err repeat_failure_locked(const struct source *s, struct errmsg *em)
{
	return err_set(em, s->lease.failed, "%s", s->failed_text ? s->failed_text : err_name(s->lease.failed));
}

/* For another thread's read, whatever comes of it. */
static enum err wait_locked(struct source *s, struct deadline deadline, struct errmsg *em)
{
	struct timespec until = deadline_timespec(deadline);
	uint64_t flight = s->flights;
	while (s->flights == flight && !deadline_passed(deadline))
		pthread_cond_timedwait(&s->set->landed, &s->set->lock, &until);
	if (s->flights == flight)
		return err_set(em, ERR_TIMEOUT, "%s: still waiting for another thread's fetch", s->name);
	return OK;
}

static bool may_use(enum lease_step step)
{
	return step == LEASE_USE || step == LEASE_RENEW;
}

/* Waits for the read that is under way, or does it. A failure is one only where nothing is left to use. */
static enum err ask_locked(struct source *s, struct deadline deadline, struct errmsg *em)
{
	enum err e = s->busy ? wait_locked(s, deadline, em) : renewal_read_locked(s, deadline, em);
	return e != OK && may_use(lease_next(&s->lease, boottime_ms())) ? OK : e;
}

static void tell_stale_locked(struct source *s)
{
	int64_t now = boottime_ms();
	if (now < s->lease.ends_at || s->lease.told)
		return;
	s->lease.told = true;
	log_warn("pkcs11", "stale", "object=\"%s\" seconds=%lld err=%s text=\"%s\"", s->name,
		 (long long)(s->lease.stale_until - now) / 1000, err_name(s->lease.failed),
		 s->failed_text ? s->failed_text : "");
}

/* OK: s->held may be used. */
static enum err obtain_locked(struct source *s, struct errmsg *em)
{
	struct deadline deadline = deadline_in_ms(s->set->timeout_ms);
	for (;;) {
		enum lease_step step = lease_next(&s->lease, boottime_ms());
		if (step == LEASE_REPEAT)
			return repeat_failure_locked(s, em);
		if (step == LEASE_RENEW) {
			renewal_start_locked(s);
			step = lease_next(&s->lease, boottime_ms());
		}
		if (may_use(step))
			return OK;
		if (step == LEASE_LOOK || step == LEASE_FETCH) {
			enum err e = ask_locked(s, deadline, em);
			if (e != OK)
				return e;
		}
	}
}

enum err source_get(struct source *s, struct material **out, struct errmsg *em)
{
	pthread_mutex_lock(&s->set->lock);
	enum err e = obtain_locked(s, em);
	if (e == OK) {
		tell_stale_locked(s);
		*out = material_ref(s->held);
	}
	pthread_mutex_unlock(&s->set->lock);
	return e;
}

/* The next one after s (the first, for NULL) that is to be read then. */
static struct source *next_prefetch(struct source_set *set, struct source *s, enum prefetch when)
{
	pthread_mutex_lock(&set->lock);
	do {
		struct source *next = s ? s->next_prefetch : set->prefetch;
		s = next == s ? NULL : next;
	} while (s && s->terms.prefetch < when);
	pthread_mutex_unlock(&set->lock);
	return s;
}

enum err source_set_prefetch(struct source_set *set, enum prefetch when, struct errmsg *em)
{
	for (struct source *s = next_prefetch(set, NULL, when); s; s = next_prefetch(set, s, when)) {
		AUTO(material) *m = NULL;
		enum err e = source_get(s, &m, em);
		if (e != OK)
			return err_wrap(em, e, "prefetch of %s", s->name);
	}
	return OK;
}
