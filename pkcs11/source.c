#include "pkcs11/source.h"

#include "common/file.h"
#include "common/log.h"
#include "pkcs11/crypto_gate.h"
#include "pkcs11/fnv.h"

#include <stdio.h>

#define BUCKETS 1024
#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 10000
#define FILE_MAX (1 << 20)

struct source {
	struct source_set *set;
	struct source *next; /* in its bucket */
	struct source *next_held;
	char *name; /* canonical URI or path */
	bool local;
	atomic_bool key;
	/* Guarded by the set's lock: */
	struct material *held;
	int64_t held_until;
	bool busy; /* somebody is reading it */
	uint64_t flights; /* how many reads have ended */
	unsigned failures; /* in a row */
	int64_t retry_at;
	enum err failed; /* how the last one ended, with its text */
	char *failed_text;
};

struct source_set {
	struct broker *broker; /* NULL: no KBS is known */
	int64_t lifetime_ms;
	int64_t timeout_ms;
	pthread_mutex_t lock; /* guards the buckets and what sources say is guarded */
	pthread_cond_t landed; /* a read has ended */
	struct source *held; /* sources that may hold something */
	struct source *buckets[BUCKETS];
};

enum err source_set_new(struct broker *broker, int64_t lifetime_ms, struct source_set **out, struct errmsg *em)
{
	struct source_set *set = calloc(1, sizeof(*set));
	if (!set)
		return err_set(em, ERR_NOMEM, "no memory for objects");
	set->broker = broker_ref(broker);
	set->lifetime_ms = lifetime_ms;
	set->timeout_ms = broker && broker->options.timeout_ms > 0 ? broker->options.timeout_ms : 30000;
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
	material_free(s->held);
	free(s->failed_text);
	free(s->name);
	free(s);
}

void source_set_free(struct source_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
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
	struct source **at = &set->buckets[fnv64(bytes_str(name)) % BUCKETS];
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
	return *out ? OK : err_set(em, ERR_NOMEM, "no memory for %s", name);
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

void source_log_failure(const struct source *s, struct source_fault fault, const struct errmsg *em)
{
	log_error("pkcs11", "failure", "stage=%s object=\"%s\" err=%s text=\"%s\"", fault.stage, s->name,
		  err_name(fault.err), em ? em->text : "");
}

/* stage: where it failed. */
static enum err read_contents(struct source *s, struct deadline deadline, struct material **out, const char **stage,
			      struct errmsg *em)
{
	struct secret *raw = NULL;
	enum err e;
	if (s->local) {
		e = file_read_secret(s->name, FILE_MAX, &raw, em);
	} else if (!s->set->broker) {
		e = err_set(em, ERR_CONFIG, "no KBS is configured");
	} else {
		struct resource_uri uri;
		e = resource_uri_parse(s->name, &uri, em);
		if (e == OK) {
			e = kbc_get(s->set->broker->kbc, &uri, deadline, &raw, em);
			*stage = kbc_stage() ? kbc_stage() : *stage;
		}
	}
	if (e != OK)
		return e;
	*stage = "parse";
	crypto_gate_enter();
	e = material_parse(raw, out, em);
	crypto_gate_leave();
	return e;
}

static int64_t backoff_ms(unsigned failures)
{
	int64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < failures && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void publish_locked(struct source *s, struct material *contents)
{
	if (!s->held) {
		s->next_held = s->set->held;
		s->set->held = s;
	}
	material_free(s->held);
	s->held = contents;
	s->held_until = monotonic_ms() + s->set->lifetime_ms;
	s->failures = 0;
	s->retry_at = 0;
}

static void remember_failure_locked(struct source *s, enum err e, const struct errmsg *em)
{
	s->failed = e;
	free(s->failed_text);
	s->failed_text = strdup(em->text);
	s->failures++;
	s->retry_at = monotonic_ms() + backoff_ms(s->failures);
}

static enum err repeat_failure_locked(const struct source *s, struct errmsg *em)
{
	return err_set(em, s->failed, "%s", s->failed_text ? s->failed_text : err_name(s->failed));
}

/* Reads it as the one who does; the lock is given up meanwhile. */
static enum err fly_locked(struct source *s, struct deadline deadline, struct errmsg *em)
{
	struct material *contents = NULL;
	struct errmsg text = { "" };
	s->busy = true;
	pthread_mutex_unlock(&s->set->lock);
	const char *stage = "local";
	enum err e = read_contents(s, deadline, &contents, &stage, &text);
	if (e != OK)
		source_log_failure(s, (struct source_fault){ e, stage }, &text);
	else
		log_info("pkcs11", "fetch", "object=\"%s\" kind=%s", s->name,
			 contents->private_key ? "private-key"
			 : contents->key       ? "public"
					       : "data");
	pthread_mutex_lock(&s->set->lock);
	s->busy = false;
	s->flights++;
	if (e == OK)
		publish_locked(s, contents);
	else
		remember_failure_locked(s, e, &text);
	pthread_cond_broadcast(&s->set->landed);
	return e == OK ? OK : err_set(em, e, "%s", text.text);
}

static enum err wait_locked(struct source *s, struct deadline deadline, struct errmsg *em)
{
	struct timespec until = deadline_timespec(deadline);
	uint64_t flight = s->flights;
	while (s->flights == flight && !deadline_passed(deadline))
		pthread_cond_timedwait(&s->set->landed, &s->set->lock, &until);
	if (s->flights == flight)
		return err_set(em, ERR_TIMEOUT, "%s: still waiting for another thread's fetch", s->name);
	return s->failures ? repeat_failure_locked(s, em) : OK;
}

enum err source_get(struct source *s, struct material **out, struct errmsg *em)
{
	struct deadline deadline = deadline_in_ms(s->set->timeout_ms);
	enum err e = OK;
	pthread_mutex_lock(&s->set->lock);
	while (e == OK && !(s->held && monotonic_ms() < s->held_until)) {
		if (s->busy)
			e = wait_locked(s, deadline, em);
		else if (s->failures && monotonic_ms() < s->retry_at)
			e = repeat_failure_locked(s, em);
		else
			e = fly_locked(s, deadline, em);
	}
	if (e == OK)
		*out = material_ref(s->held);
	pthread_mutex_unlock(&s->set->lock);
	return e;
}

struct material *source_peek(struct source *s)
{
	pthread_mutex_lock(&s->set->lock);
	struct material *m = material_ref(s->held);
	pthread_mutex_unlock(&s->set->lock);
	return m;
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

void source_set_retry(struct source_set *set)
{
	pthread_mutex_lock(&set->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct source *s = set->buckets[i]; s; s = s->next)
			s->retry_at = 0;
	pthread_mutex_unlock(&set->lock);
}

void source_set_sweep(struct source_set *set)
{
	int64_t now = monotonic_ms();
	pthread_mutex_lock(&set->lock);
	for (struct source **at = &set->held; *at;) {
		struct source *s = *at;
		if (now < s->held_until) {
			at = &s->next_held;
			continue;
		}
		*at = s->next_held;
		material_free(s->held);
		s->held = NULL;
	}
	pthread_mutex_unlock(&set->lock);
}

size_t source_set_held(struct source_set *set)
{
	size_t n = 0;
	pthread_mutex_lock(&set->lock);
	for (struct source *s = set->held; s; s = s->next_held)
		n++;
	pthread_mutex_unlock(&set->lock);
	return n;
}
