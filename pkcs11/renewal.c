#include "pkcs11/renewal.h"

#include "common/crypto_gate.h"
#include "common/file.h"
#include "common/log.h"
#include "pkcs11/process.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <sys/random.h>

#define FILE_MAX (1 << 20)
#define GENERATION_MAX 8
#define INLINE_MS 5000
#define STACK_SIZE (1 << 20)

/* One source as it was read. */
struct reading {
	struct source *source;
	struct material *contents;
	uint8_t spki[SPKI_PIN_LEN];
	int64_t asked_at; /* the KBS may have changed its mind since */
	enum err err;
	const char *stage; /* where it failed */
	bool named; /* the KBS said so itself */
	struct errmsg text;
};

struct generation {
	struct reading readings[GENERATION_MAX]; /* first: the one that is wanted */
	size_t count;
	bool whole; /* no other thread is reading a part of it */
};

static uint16_t dice(void)
{
	uint16_t dice = 0; /* stays 0 without entropy: the times are then merely not spread */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice))
		dice = 0;
	return dice;
}

static enum err fetch(struct reading *r, struct deadline deadline, struct secret **raw)
{
	const struct source *s = r->source;
	struct resource_uri uri;
	r->stage = "local";
	if (s->local)
		return file_read_secret(s->name, FILE_MAX, raw, &r->text);
	if (!s->set->broker)
		return err_set(&r->text, ERR_CONFIG, "no KBS is configured");
	enum err e = resource_uri_parse(s->name, &uri, &r->text);
	if (e != OK)
		return e;
	e = kbc_get(s->set->broker->kbc, &uri, deadline, raw, &r->text);
	r->stage = kbc_stage() ? kbc_stage() : r->stage;
	r->named = kbc_named();
	return e;
}

static void read_one(struct reading *r, struct deadline deadline)
{
	struct secret *raw = NULL;
	r->asked_at = boottime_ms();
	r->err = fetch(r, deadline, &raw);
	if (r->err != OK)
		return;
	r->stage = "parse";
	crypto_gate_enter();
	r->err = material_parse(raw, &r->contents, &r->text);
	crypto_gate_leave();
	if (r->err == OK && r->contents->spki.len)
		r->err = spki_pin_digest(buf_bytes(&r->contents->spki), r->spki, &r->text);
}

static void log_reading(const struct reading *r, const char *event)
{
	log_info("pkcs11", event, "object=\"%s\" kind=%s", r->source->name,
		 r->contents->private_key ? "private-key"
		 : r->contents->key       ? "public"
					  : "data");
}

static bool has_key(const struct material *m)
{
	return m && m->spki.len;
}

static bool same_key(const struct material *a, const struct material *b)
{
	return has_key(a) && has_key(b) && bytes_equal(buf_bytes(&a->spki), buf_bytes(&b->spki));
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return !a == !b && (!a || bytes_equal(secret_bytes(a), secret_bytes(b)));
}

/* (Private keys with the same public half are the same.) */
static bool same_contents(const struct material *a, const struct material *b)
{
	/* A certificate beside a private key may have another chain, of which nothing is kept that could be compared.
	 */
	if (a->private_key && (a->certificate || b->certificate))
		return false;
	return a->private_key == b->private_key && bytes_equal(buf_bytes(&a->spki), buf_bytes(&b->spki)) &&
	       bytes_equal(buf_bytes(&a->cert), buf_bytes(&b->cert)) && same_secret(a->raw, b->raw);
}

static bool is_live(const struct source *s)
{
	return s->lease.held && boottime_ms() < s->lease.ends_at;
}

static bool contains(const struct generation *g, const struct source *s)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->readings[i].source == s)
			return true;
	return false;
}

/* Whether the mate has to be read together with what was just read: it belongs to the key that is no more; or, where no
 * key was given up, to another one, since it may be older. */
static bool must_follow(const struct source *mate, const struct material *given_up, const struct material *now)
{
	if (!has_key(mate->held))
		return false;
	return given_up ? same_key(mate->held, given_up) : is_live(mate) && !same_key(mate->held, now);
}

static void gather_locked(struct generation *g)
{
	const struct material *before = g->readings[0].source->held, *now = g->readings[0].contents;
	if (!has_key(now) || (before && !has_key(before)))
		return;
	if (before && same_key(before, now))
		before = NULL;
	/* The mates of mates belong to it as well, if a key of theirs is known. */
	for (size_t i = 0; i < (before ? g->count : 1); i++)
		for (struct source_mate *m = g->readings[i].source->mates; m; m = m->next) {
			if (contains(g, m->source) || !must_follow(m->source, before, now))
				continue;
			if (m->source->busy || g->count == GENERATION_MAX) {
				g->whole = false;
				continue;
			}
			m->source->busy = true;
			g->readings[g->count++] = (struct reading){ .source = m->source };
		}
}

/* A key that is pinned where the one before was not refused. */
static bool breaks_pin_locked(const struct reading *r)
{
	for (const struct source_pin *p = r->source->pins; p; p = p->next)
		if (spki_pins_allow(p->pins, r->source->spki) && !spki_pins_allow(p->pins, r->spki))
			return true;
	return false;
}

/* Another kind of thing than before: an empty file, an error page, a public key in the place of a private one. */
static bool is_less(const struct material *now, const struct material *before)
{
	return (before->private_key && !now->private_key) || (before->certificate && !now->certificate) ||
	       (has_key(before) && !has_key(now));
}

/* NULL if all of it fits together; else why not. */
static const char *disagreement_locked(const struct generation *g)
{
	const struct reading *first = &g->readings[0];
	if (first->source->held && is_less(first->contents, first->source->held))
		return "what the KBS has is not of that kind any more";
	if (has_key(first->source->held) && has_key(first->contents) && breaks_pin_locked(first))
		return "the new key is not the pinned one";
	if (!g->whole)
		return "a part of it is being read";
	for (size_t i = 1; i < g->count; i++) {
		if (g->readings[i].err != OK)
			return "a part of it cannot be read";
		if (!same_key(g->readings[i].contents, first->contents))
			return "key and certificate do not belong together";
	}
	return NULL;
}

static void publish_locked(struct reading *r)
{
	struct source *s = r->source;
	struct material *before = s->held;
	if (!s->listed) {
		s->listed = true;
		s->next_held = s->set->held;
		s->set->held = s;
	}
	lease_begin(&s->lease, source_terms(s), r->asked_at, dice());
	free(s->failed_text);
	s->failed_text = NULL;
	/* The same again: what was made of it so far stays good. */
	if (before && same_contents(before, r->contents)) {
		log_reading(r, "renew");
		return;
	}
	log_reading(r, before ? "rotate" : "fetch");
	s->held = steal(&r->contents);
	memcpy(s->spki, r->spki, sizeof(s->spki));
	material_free(before);
}

static enum lease_fault fault_of(const struct reading *r)
{
	/* What went wrong on this side is no word of the KBS's. */
	bool heard =
		strcmp(r->stage, "policy") == 0 || strcmp(r->stage, "resource") == 0 || strcmp(r->stage, "attest") == 0;
	if (!heard)
		return FAULT_PASSING;
	if (r->err == ERR_DENIED || r->err == ERR_NOT_FOUND)
		return r->named ? FAULT_WITHDRAWN : FAULT_REFUSED;
	return r->err == ERR_AUTH || r->err == ERR_ATTEST || r->err == ERR_EXPIRED ? FAULT_REFUSED : FAULT_PASSING;
}

static void fail_locked(struct reading *r)
{
	struct source *s = r->source;
	enum lease_fault fault = fault_of(r);
	lease_fail(&s->lease, r->err, fault, boottime_ms(), dice());
	free(s->failed_text);
	s->failed_text = strdup(r->text.text);
	if (!s->held)
		return;
	if (s->lease.held) {
		log_warn("pkcs11", "keep", "object=\"%s\" seconds=%lld err=%s text=\"the KBS %s\"", s->name,
			 (long long)lease_left_ms(&s->lease, boottime_ms()) / 1000, err_name(r->err),
			 fault == FAULT_PASSING ? "was not heard" : "refuses us: it ends then");
		return;
	}
	log_warn("pkcs11", "end", "object=\"%s\" err=%s text=\"%s\"", s->name, err_name(r->err),
		 fault == FAULT_WITHDRAWN ? "the KBS denies it, or has it no more" : "its lease has ended");
	material_free(s->held);
	s->held = NULL;
}

static void keep_locked(struct generation *g, const char *why)
{
	struct source *s = g->readings[0].source;
	log_warn("pkcs11", "keep", "object=\"%s\" seconds=%lld text=\"%s\"", s->name,
		 (long long)lease_left_ms(&s->lease, boottime_ms()) / 1000, why);
	lease_postpone(&s->lease, boottime_ms(), dice());
	for (size_t i = 1; i < g->count; i++)
		if (g->readings[i].err != OK)
			fail_locked(&g->readings[i]);
}

static void publish_all_locked(struct generation *g, bool apart)
{
	for (size_t i = 0; i < g->count; i++) {
		struct reading *r = &g->readings[i];
		struct lease *lease = &r->source->lease;
		unsigned postponed = lease->postponed;
		if (r->err != OK)
			fail_locked(r);
		else
			publish_locked(r);
		/* What does not fit together is looked at again soon, but less and less so. */
		if (r->err == OK && apart) {
			lease->postponed = postponed;
			lease_postpone(lease, boottime_ms(), dice());
		}
	}
}

static void take_over_locked(struct generation *g)
{
	const struct reading *first = &g->readings[0];
	if (first->err != OK) {
		fail_locked(&g->readings[0]);
		return;
	}
	const struct material *before = first->source->held;
	bool other = before && (!same_key(before, first->contents) || is_less(first->contents, before));
	const char *why = disagreement_locked(g);
	if (why && other && is_live(first->source)) {
		keep_locked(g, why);
		return;
	}
	bool apart = why && g->count > 1;
	if (why && (apart || other))
		log_warn("pkcs11", "apart", "object=\"%s\" text=\"%s\"", first->source->name, why);
	publish_all_locked(g, apart);
}

static void land_locked(struct generation *g)
{
	take_over_locked(g);
	for (size_t i = 0; i < g->count; i++) {
		struct reading *r = &g->readings[i];
		if (r->err != OK)
			source_log_failure(r->source, (struct source_fault){ r->err, r->stage }, &r->text);
		r->source->busy = false;
		r->source->flights++;
		material_free(r->contents);
	}
	pthread_cond_broadcast(&g->readings[0].source->set->landed);
}

enum err renewal_read_locked(struct source *s, struct deadline deadline, struct errmsg *em)
{
	struct generation g = { .count = 1, .whole = true, .readings = { { .source = s } } };
	s->busy = true;
	pthread_mutex_unlock(&s->set->lock);
	read_one(&g.readings[0], deadline);
	pthread_mutex_lock(&s->set->lock);
	if (g.readings[0].err == OK)
		gather_locked(&g);
	if (g.count > 1) {
		pthread_mutex_unlock(&s->set->lock);
		for (size_t i = 1; i < g.count; i++)
			read_one(&g.readings[i], deadline);
		pthread_mutex_lock(&s->set->lock);
	}
	land_locked(&g);
	return g.readings[0].err == OK ? OK : err_set(em, g.readings[0].err, "%s", g.readings[0].text.text);
}

static struct source *take_due_locked(struct source_set *set)
{
	struct source *s = set->due;
	if (!s)
		return NULL;
	set->due = s->next_due;
	if (!set->due)
		set->due_end = &set->due;
	s->next_due = NULL;
	s->due = false;
	return s;
}

static void *renew(void *arg)
{
	struct source_set *set = arg;
	struct errmsg em;
	struct source *s;
	pthread_mutex_lock(&set->lock);
	while ((s = take_due_locked(set)))
		if (!s->busy && lease_next(&s->lease, boottime_ms()) == LEASE_RENEW)
			(void)!renewal_read_locked(s, deadline_in_ms(set->timeout_ms), &em); /* which has logged it */
	set->renewing = false;
	pthread_cond_broadcast(&set->landed);
	pthread_mutex_unlock(&set->lock);
	source_set_free(set);
	crypto_gate_enter();
	OPENSSL_thread_stop(); /* what the end of the thread would do, outside */
	crypto_gate_leave();
	return NULL;
}

/* The application's signals are for its own threads. */
static bool make_thread(struct source_set *set)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	if (!process_may_create_threads() || pthread_attr_init(&attr) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	bool made = pthread_create(&thread, &attr, renew, set) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!made)
		atomic_fetch_sub_explicit(&set->refs, 1, memory_order_relaxed);
	pthread_attr_destroy(&attr);
	return made;
}

/* A file is read at once, unless that might lead to the KBS. */
static bool is_at_hand(const struct source *s)
{
	bool alone = s->local;
	for (const struct source_mate *m = s->mates; m; m = m->next)
		alone = alone && (m->source->local || !m->source->held);
	return alone;
}

void renewal_start_locked(struct source *s)
{
	struct source_set *set = s->set;
	struct errmsg em;
	if (s->busy || s->due)
		return;
	if (!set->renewing && !is_at_hand(s))
		set->renewing = make_thread(set);
	if (!set->renewing || is_at_hand(s)) {
		int64_t ms = set->timeout_ms < INLINE_MS ? set->timeout_ms : INLINE_MS;
		(void)!renewal_read_locked(s, deadline_in_ms(ms), &em);
		return;
	}
	s->due = true;
	*set->due_end = s;
	set->due_end = &s->next_due;
}
