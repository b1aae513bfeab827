#include "pkcs11/lease.h"

#include <string.h>

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 10000
#define RENEWAL_BACKOFF_MIN_MS 1000
#define RENEWAL_BACKOFF_MAX_MS 60000
/* ocicrypt logs in for every layer of an image. */
#define LOOK_FLOOR_MS 15000

static enum err read_expiry(json_object *obj, struct lease_terms *out, struct errmsg *em)
{
	const char *word = NULL;
	int64_t stale = 0;
	enum err e = json_get_string_opt(obj, "on-expiry", &word, em);
	if (e == OK)
		e = json_get_int_opt(obj, "stale", 1, LEASE_LIFETIME_MAX_S, &stale, em);
	if (e != OK)
		return e;
	bool serve = word && strcmp(word, "serve-stale") == 0;
	if (word && !serve && strcmp(word, "fail") != 0)
		return err_set(em, ERR_PARSE, "\"on-expiry\" is fail or serve-stale, not \"%s\"", word);
	if (serve != (stale > 0))
		return err_set(em, ERR_PARSE, "\"on-expiry\": \"serve-stale\" and \"stale\" go together");
	if (word)
		out->stale_ms = serve ? stale * 1000 : LEASE_FAIL;
	return OK;
}

static enum err read_prefetch(json_object *obj, struct lease_terms *out, struct errmsg *em)
{
	json_object *value = json_object_object_get(obj, "prefetch");
	if (!value)
		return OK;
	if (json_object_is_type(value, json_type_boolean)) {
		out->prefetch = json_object_get_boolean(value) ? PREFETCH_LOGIN : PREFETCH_NEVER;
		return OK;
	}
	const char *word = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	if (strcmp(word, "session") != 0)
		return err_set(em, ERR_PARSE, "\"prefetch\" is true, false or \"session\"");
	out->prefetch = PREFETCH_SESSION;
	return OK;
}

enum err lease_terms_read(json_object *obj, struct lease_terms *out, struct errmsg *em)
{
	int64_t lifetime = 0;
	enum err e = json_get_int_opt(obj, "lifetime", 1, LEASE_LIFETIME_MAX_S, &lifetime, em);
	if (e == OK && lifetime)
		out->lifetime_ms = lifetime * 1000;
	if (e == OK)
		e = read_expiry(obj, out, em);
	return e == OK ? read_prefetch(obj, out, em) : e;
}

void lease_terms_complete(struct lease_terms *terms, const struct lease_terms *defaults)
{
	if (!terms->lifetime_ms)
		terms->lifetime_ms = defaults->lifetime_ms;
	if (!terms->stale_ms)
		terms->stale_ms = defaults->stale_ms;
	if (terms->prefetch == PREFETCH_UNSAID)
		terms->prefetch = defaults->prefetch;
}

void lease_terms_tighten(struct lease_terms *terms, const struct lease_terms *other)
{
	if (other->lifetime_ms < terms->lifetime_ms)
		terms->lifetime_ms = other->lifetime_ms;
	if (other->stale_ms < terms->stale_ms)
		terms->stale_ms = other->stale_ms;
	if (other->prefetch > terms->prefetch)
		terms->prefetch = other->prefetch;
}

static bool try_is_due(const struct lease *l, int64_t now)
{
	return now >= l->retry_at;
}

static int64_t renewal_longest(const struct lease *l)
{
	int64_t ms = (l->ends_at - l->taken_at) / 16;
	if (ms < RENEWAL_BACKOFF_MIN_MS)
		return RENEWAL_BACKOFF_MIN_MS;
	return ms < RENEWAL_BACKOFF_MAX_MS ? ms : RENEWAL_BACKOFF_MAX_MS;
}

/* Beyond its end, while the KBS is known not to answer: tried after that end, or lately. */
static bool may_be_stale(const struct lease *l, int64_t now)
{
	return l->held && now < l->stale_until && l->failures && l->fault == FAULT_PASSING &&
	       (l->tried_at >= l->ends_at || now - l->tried_at <= 2 * renewal_longest(l));
}

enum lease_step lease_next(const struct lease *l, int64_t now)
{
	bool due = try_is_due(l, now);
	if (l->held && now < l->ends_at) {
		if (l->look)
			return LEASE_LOOK;
		return now >= l->renew_at && due ? LEASE_RENEW : LEASE_USE;
	}
	if (may_be_stale(l, now))
		return due ? LEASE_RENEW : LEASE_USE;
	/* What failed while there was something to use says nothing about now. */
	return due || (l->held && l->tried_at < l->ends_at) ? LEASE_FETCH : LEASE_REPEAT;
}

void lease_begin(struct lease *l, const struct lease_terms *terms, int64_t now, uint16_t dice)
{
	int64_t spread = terms->lifetime_ms / 8;
	*l = (struct lease){
		.held = true,
		.taken_at = now,
		.renew_at = now + terms->lifetime_ms / 2 - spread / 2 + spread * dice / 65536,
		.ends_at = now + terms->lifetime_ms,
	};
	l->stale_until = l->ends_at + (terms->stale_ms > 0 ? terms->stale_ms : 0);
}

static int64_t backoff_ms(unsigned failures, int64_t longest, uint16_t dice)
{
	int64_t ms = BACKOFF_FIRST_MS;
	for (unsigned i = 1; i < failures && ms < longest; i++)
		ms *= 2;
	if (ms > longest)
		ms = longest;
	return ms - ms * (dice % 256) / 1024;
}

void lease_fail(struct lease *l, enum err e, enum lease_fault fault, int64_t now, uint16_t dice)
{
	l->failures++;
	l->failed = e;
	l->fault = fault;
	l->tried_at = now;
	l->look = false;
	bool good = now < l->ends_at ? fault != FAULT_WITHDRAWN : now < l->stale_until && fault == FAULT_PASSING;
	if (!good)
		l->held = false;
	if (l->held && l->renew_at > now)
		l->renew_at = now; /* a look that failed is repeated in the background */
	l->retry_at = now + backoff_ms(l->failures, l->held ? renewal_longest(l) : BACKOFF_MAX_MS, dice);
}

void lease_postpone(struct lease *l, int64_t now, uint16_t dice)
{
	l->failures = 0;
	l->look = false;
	l->renew_at = now;
	l->retry_at = now + backoff_ms(++l->postponed, renewal_longest(l), dice);
}

void lease_look(struct lease *l, int64_t now)
{
	l->retry_at = 0;
	l->look = l->held && now - l->taken_at >= LOOK_FLOOR_MS;
}

int64_t lease_left_ms(const struct lease *l, int64_t now)
{
	return l->held && now < l->ends_at ? l->ends_at - now : 0;
}
