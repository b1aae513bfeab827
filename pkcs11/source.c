#include "pkcs11/source.h"

#include "common/log.h"
#include "common/fnv.h"
#include "pkcs11/source_state.h"

#include <stdio.h>

enum err source_set_new(struct broker *broker, const struct lease_terms *terms, struct source_set **out,
			struct errmsg *em)
{
	struct source_set *set = calloc(1, sizeof(*set));
	if (!set)
		return err_nomem(em, "objects");
	set->refs = 1;
	set->broker = broker_ref(broker);
	set->terms = *terms;
	set->timeout_ms = broker && broker->options.timeout_ms > 0 ? broker->options.timeout_ms : 30000;
	set->due_end = &set->due;
	pthread_mutex_init(&set->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&set->landed, &attr);
	pthread_condattr_destroy(&attr);
	*out = set;
	return OK;
}

static void source_free(struct source *s)
{
	for (struct source_mate *m = s->mates, *next; m; m = next) {
		next = m->next;
		free(m);
	}
	for (struct source_pin *p = s->pins, *next; p; p = next) {
		next = p->next;
		spki_pins_free(p->pins);
		free(p);
	}
	material_free(s->held);
	free(s->failed_text);
	free(s->name);
	free(s);
}

void source_set_free(struct source_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < SOURCE_BUCKETS; i++)
		for (struct source *s = set->buckets[i], *next; s; s = next) {
			next = s->next;
			source_free(s);
		}
	pthread_cond_destroy(&set->landed);
	pthread_mutex_destroy(&set->lock);
	broker_free(set->broker);
	free(set);
}

static struct source **find_locked(struct source_set *set, const char *name)
{
	struct source **at = &set->buckets[fnv64(bytes_str(name)) % SOURCE_BUCKETS];
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static enum err find_or_make(struct source_set *set, const char *name, bool local, struct source **out,
			     struct errmsg *em)
{
	pthread_mutex_lock(&set->lock);
	struct source **at = find_locked(set, name);
	if (!*at) {
		struct source *made = calloc(1, sizeof(*made));
		if (made && (made->name = strdup(name))) {
			made->set = set;
			made->local = local;
			*at = made;
		} else {
			free(made);
		}
	}
	*out = *at;
	pthread_mutex_unlock(&set->lock);
	return *out ? OK : err_nomem(em, name);
}

enum err source_of_uri(struct source_set *set, const char *uri, struct source **out, struct errmsg *em)
{
	struct resource_uri parsed;
	enum err e = resource_uri_parse_label(uri, &parsed, em);
	if (e != OK)
		return e;
	char canonical[sizeof(parsed) + 16];
	snprintf(canonical, sizeof(canonical), "kbs%s%s://%s/%s%s%s", strcmp(parsed.plugin, "resource") ? "+" : "",
		 strcmp(parsed.plugin, "resource") ? parsed.plugin : "", parsed.host, parsed.path,
		 *parsed.query ? "?" : "", parsed.query);
	return find_or_make(set, canonical, false, out, em);
}

enum err source_of_file(struct source_set *set, const char *path, struct source **out, struct errmsg *em)
{
	return find_or_make(set, path, true, out, em);
}

void source_lease(struct source *s, const struct lease_terms *terms)
{
	struct lease_terms whole = *terms;
	lease_terms_complete(&whole, &s->set->terms);
	pthread_mutex_lock(&s->set->lock);
	if (s->terms.lifetime_ms)
		lease_terms_tighten(&s->terms, &whole);
	else
		s->terms = whole;
	if (whole.prefetch >= PREFETCH_LOGIN && !s->local && !s->next_prefetch && s->set->prefetch != s) {
		/* The last one points to itself, so that none of them has no next. */
		s->next_prefetch = s->set->prefetch ? s->set->prefetch : s;
		s->set->prefetch = s;
	}
	pthread_mutex_unlock(&s->set->lock);
}

static enum err add_mate_locked(struct source *to, struct source *mate, struct errmsg *em)
{
	for (const struct source_mate *m = to->mates; m; m = m->next)
		if (m->source == mate)
			return OK;
	struct source_mate *made = calloc(1, sizeof(*made));
	if (!made)
		return err_nomem(em, to->name);
	*made = (struct source_mate){ mate, to->mates };
	to->mates = made;
	return OK;
}

enum err source_pair(struct source *a, struct source *b, struct errmsg *em)
{
	if (a == b)
		return OK;
	pthread_mutex_lock(&a->set->lock);
	enum err e = add_mate_locked(a, b, em);
	if (e == OK)
		e = add_mate_locked(b, a, em);
	pthread_mutex_unlock(&a->set->lock);
	return e;
}

enum err source_pin(struct source *s, struct spki_pins *pins, struct errmsg *em)
{
	if (!pins)
		return OK;
	struct source_pin *made = calloc(1, sizeof(*made));
	if (!made)
		return err_nomem(em, s->name);
	pthread_mutex_lock(&s->set->lock);
	*made = (struct source_pin){ spki_pins_ref(pins), s->pins };
	s->pins = made;
	pthread_mutex_unlock(&s->set->lock);
	return OK;
}

void source_log_failure(const struct source *s, struct source_fault fault, const struct errmsg *em)
{
	log_error("pkcs11", "failure", "stage=%s object=\"%s\" err=%s text=\"%s\"", fault.stage, s->name,
		  err_name(fault.err), em ? em->text : "");
}

struct material *source_peek(struct source *s)
{
	pthread_mutex_lock(&s->set->lock);
	struct material *m = material_ref(s->held);
	pthread_mutex_unlock(&s->set->lock);
	return m;
}

struct source_expiry source_expiry(struct source *s)
{
	pthread_mutex_lock(&s->set->lock);
	int64_t now = boottime_ms();
	struct source_expiry expiry = {
		.held = s->held != NULL,
		.left_ms = lease_left_ms(&s->lease, now),
		.failed = s->lease.failures ? s->lease.failed : OK,
	};
	expiry.stale = expiry.held && !expiry.left_ms && now < s->lease.stale_until;
	pthread_mutex_unlock(&s->set->lock);
	return expiry;
}

const char *source_name(const struct source *s)
{
	return s->name;
}

bool source_is_local(const struct source *s)
{
	return s->local;
}

void source_mark_key(struct source *s)
{
	s->key = true;
}

bool source_is_key(const struct source *s)
{
	return s->key;
}

void source_set_refresh(struct source_set *set)
{
	int64_t now = boottime_ms();
	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < SOURCE_BUCKETS; i++)
		for (struct source *s = set->buckets[i]; s; s = s->next)
			lease_look(&s->lease, now);
	pthread_mutex_unlock(&set->lock);
}

void source_set_sweep(struct source_set *set)
{
	int64_t now = boottime_ms();
	pthread_mutex_lock(&set->lock);
	for (struct source **at = &set->held; *at;) {
		struct source *s = *at;
		if (s->held && now < s->lease.stale_until) {
			at = &s->next_held;
			continue;
		}
		*at = s->next_held;
		s->listed = false;
		s->lease.held = false;
		material_free(s->held);
		s->held = NULL;
	}
	pthread_mutex_unlock(&set->lock);
}

void source_set_settle(struct source_set *set, struct deadline deadline)
{
	struct timespec until = deadline_timespec(deadline);
	pthread_mutex_lock(&set->lock);
	for (struct source *s = set->due; s; s = s->next_due)
		s->due = false;
	set->due = NULL;
	set->due_end = &set->due;
	while (set->renewing && !deadline_passed(deadline))
		pthread_cond_timedwait(&set->landed, &set->lock, &until);
	pthread_mutex_unlock(&set->lock);
}

size_t source_set_held(struct source_set *set)
{
	size_t n = 0;
	pthread_mutex_lock(&set->lock);
	for (struct source *s = set->held; s; s = s->next_held)
		n += s->held != NULL;
	pthread_mutex_unlock(&set->lock);
	return n;
}
