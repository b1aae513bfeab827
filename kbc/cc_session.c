#include "kbc/kbc_kind.h"

#include "common/log.h"
#include "kbc/cc_exchange.h"
#include "kbc/cc_guest.h"
#include "kbc/flight.h"
#include "kbc/kbc_stage.h"
#include "kbc/retry.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cc_session {
	struct cc_guest *guest;
	char key_type[16];
	int64_t lifetime_ms;
	size_t max_resource;
	struct cc_exchange *exchange;
	struct flight *flight;
	atomic_size_t url; /* the one that worked last */
	atomic_ulong handshakes, gets, retries;
	_Atomic(const char *) attest_stage; /* where the last attestation failed */
};

/* One handshake in the making: the key pair serves for every try. */
struct attempt {
	struct cc_session *session;
	const struct attester *attester;
	struct tee_key key;
	struct retry retry;
	int64_t after_ms; /* what the KBS asked us to wait */
};

/* An answer that nobody can read, rather than a refusal. */
static bool is_malformed(enum err e)
{
	return e == ERR_PARSE || e == ERR_LIMIT || e == ERR_UNSUPPORTED || e == ERR_INTEGRITY;
}

static enum err attempt_step(struct attempt *a, struct cc_handshake *h, size_t url, struct errmsg *em)
{
	if (cc_handshake_want(h) == CC_WANT_EVIDENCE) {
		enum err e = cc_guest_evidence(a->session->guest, a->attester, a->retry.deadline, h, em);
		return e == OK ? OK : err_wrap(em, kbc_stage_note(e, "evidence"), "evidence");
	}
	AUTO_ANSWER resp = { 0 };
	struct cc_call call = { url, cc_handshake_request(h), a->retry.deadline };
	enum err e = cc_exchange_send(a->session->exchange, &call, &resp, em);
	if (e != OK)
		return e;
	a->after_ms = cc_retry_after_ms(&resp);
	e = cc_handshake_answer(h, &resp, em);
	if (is_malformed(e))
		(void)kbc_stage_note(e, "parse");
	return e == OK ? OK : err_wrap(em, e, "%s", cc_exchange_url(a->session->exchange, url));
}

static enum err attempt_at(struct attempt *a, size_t url, struct cc_grant *grant, struct errmsg *em)
{
	AUTO(cc_handshake) *h = NULL;
	struct cc_handshake_setup setup = { attester_tee(a->attester), a->key.jwk, (int64_t)time(NULL),
					    cc_guest_init_data(a->session->guest) };
	enum err e = cc_handshake_new(setup, &h, em);
	while (e == OK && cc_handshake_want(h) != CC_WANT_NOTHING)
		e = attempt_step(a, h, url, em);
	if (e == OK)
		cc_handshake_take(h, grant);
	return e;
}

/* Each KBS in order, beginning with the one that worked last; then a wait, and all over again. A handshake always
 * starts from the front: its nonce may have been used up by the try that failed. */
static enum err attempt_all(struct attempt *a, size_t *url, struct cc_grant *grant, struct errmsg *em)
{
	size_t count = cc_exchange_url_count(a->session->exchange);
	for (;;) {
		int64_t after_ms = 0;
		enum err e = OK;
		for (size_t i = 0; i < count; i++) {
			a->after_ms = 0;
			e = attempt_at(a, *url, grant, em);
			if (!retry_worth(e))
				return e;
			log_warn("kbc", "unreachable", "url=\"%s\" reason=\"%s\"",
				 cc_exchange_url(a->session->exchange, *url), em->text);
			*url = (*url + 1) % count;
			after_ms = a->after_ms > after_ms ? a->after_ms : after_ms;
		}
		if (!retry_wait(&a->retry, after_ms))
			return e;
		atomic_fetch_add(&a->session->retries, 1);
	}
}

/* Kept for the threads that wait for this attestation. */
static enum err attest_failed(struct cc_session *s, enum err e)
{
	(void)kbc_stage_note(e, "attest");
	atomic_store(&s->attest_stage, kbc_stage());
	return e;
}

static enum err session_attest_now(void *ctx, struct deadline deadline, struct attestation_result **out,
				   struct errmsg *em)
{
	struct cc_session *s = ctx;
	struct attempt a = { .session = s, .retry = { .deadline = deadline } };
	struct cc_grant grant = { .cookie = NULL };
	struct result_terms terms = { boottime_ms(), s->lifetime_ms, atomic_load(&s->url) };
	enum err e = cc_guest_attester(s->guest, deadline, &a.attester, em);
	if (e != OK)
		return attest_failed(s, err_wrap(em, kbc_stage_note(e, "evidence"), "evidence"));
	e = tee_key_generate(s->key_type, &a.key, em);
	if (e == OK)
		e = attempt_all(&a, &terms.url, &grant, em);
	if (e == OK)
		e = attestation_result_new(&grant, &a.key, terms, out, em);
	cc_grant_clear(&grant);
	tee_key_clear(&a.key);
	if (e != OK)
		return attest_failed(s, e);
	kbc_stage_begin(); /* what a try noted is made good */
	atomic_store(&s->url, terms.url);
	atomic_fetch_add(&s->handshakes, 1);
	log_info("kbc", "attested", "url=\"%s\" tee=%s seconds=%lld", cc_exchange_url(s->exchange, terms.url),
		 attester_tee(a.attester), (long long)attestation_result_left_ms(*out, boottime_ms()) / 1000);
	return OK;
}

/* One fetch in the making. */
struct fetch {
	struct cc_session *session;
	struct cc_get *get;
	struct attestation_result *result; /* a reference, or NULL */
	struct retry retry;
	struct http_response answer;
};

static void fetch_clear(struct fetch *f)
{
	cc_get_free(f->get);
	attestation_result_free(f->result);
	cc_answer_clear(&f->answer);
}

static const char *attest_stage(struct cc_session *s)
{
	const char *stage = atomic_load(&s->attest_stage);
	return stage ? stage : "attest"; /* none: the time was up while another thread attested */
}

static enum err fetch_result(struct fetch *f, struct errmsg *em)
{
	struct attestation_result *fresh = NULL;
	struct flight_wish wish = { f->result, f->retry.deadline };
	enum err e = flight_result(f->session->flight, wish, &fresh, em);
	if (e != OK)
		return kbc_stage_note(e, attest_stage(f->session));
	attestation_result_free(f->result);
	f->result = fresh;
	cc_get_credentials(f->get, attestation_result_credentials(fresh, boottime_ms()));
	return OK;
}

/* After a failure that is worth a retry: the same KBS again, or where there are others, a new attestation that
 * begins with the next one. */
static enum err fetch_again(struct fetch *f, enum err e, int64_t after_ms, struct errmsg *em)
{
	struct cc_session *s = f->session;
	size_t url = attestation_result_url(f->result), count = cc_exchange_url_count(s->exchange);
	log_warn("kbc", "retry", "url=\"%s\" reason=\"%s\"", cc_exchange_url(s->exchange, url), em->text);
	if (!retry_wait(&f->retry, after_ms))
		return e;
	atomic_fetch_add(&s->retries, 1);
	if (count == 1 || e == ERR_BUSY)
		return OK;
	size_t expected = url;
	atomic_compare_exchange_strong(&s->url, &expected, (url + 1) % count);
	flight_drop(s->flight, f->result);
	return fetch_result(f, em);
}

static enum err fetch_send(struct fetch *f, struct errmsg *em)
{
	struct cc_session *s = f->session;
	struct cc_call call = { attestation_result_url(f->result), cc_get_request(f->get), f->retry.deadline };
	cc_answer_clear(&f->answer);
	atomic_fetch_add(&s->gets, 1);
	enum err e = cc_exchange_send(s->exchange, &call, &f->answer, em);
	if (e == OK) {
		e = cc_get_answer(f->get, &f->answer, em);
		if (e != OK)
			err_wrap(em, e, "%s", cc_exchange_url(s->exchange, call.url));
	}
	return retry_worth(e) ? fetch_again(f, e, cc_retry_after_ms(&f->answer), em) : e;
}

static enum err fetch_open(struct fetch *f, struct secret **out, struct errmsg *em)
{
	struct tee_sealed sealed = { buf_bytes(&f->answer.body), f->session->max_resource };
	enum err e = attestation_result_open(f->result, &sealed, out, em);
	if (e == OK)
		return OK;
	(void)kbc_stage_note(e, "parse");
	/* Sealed for another key than ours: the session is not what we take it for, the next use begins a new one. */
	flight_drop(f->session->flight, f->result);
	return err_wrap(em, e, "the answer of %s cannot be opened",
			cc_exchange_url(f->session->exchange, attestation_result_url(f->result)));
}

static enum err session_get(void *ctx, const struct resource_uri *uri, struct deadline deadline, struct secret **out,
			    struct errmsg *em)
{
	struct fetch f = { .session = ctx, .retry = { .deadline = deadline } };
	enum err e = cc_get_new(uri, &f.get, em);
	while (e == OK && cc_get_want(f.get) != CC_WANT_NOTHING)
		e = cc_get_want(f.get) == CC_WANT_SEND ? fetch_send(&f, em) : fetch_result(&f, em);
	if (e == OK)
		e = fetch_open(&f, out, em);
	fetch_clear(&f);
	return kbc_stage_note(e, e == ERR_DENIED ? "policy" : "resource");
}

static enum err session_attest(void *ctx, bool fresh, struct deadline deadline, struct errmsg *em)
{
	struct cc_session *s = ctx;
	AUTO(attestation_result) *held = fresh ? flight_held(s->flight) : NULL;
	AUTO(attestation_result) *result = NULL;
	return kbc_stage_note(flight_result(s->flight, (struct flight_wish){ held, deadline }, &result, em),
			      attest_stage(s));
}

static struct kbc_counts session_counts(void *ctx)
{
	struct cc_session *s = ctx;
	return (struct kbc_counts){
		.handshakes = atomic_load(&s->handshakes),
		.gets = atomic_load(&s->gets),
		.retries = atomic_load(&s->retries),
	};
}

static void session_free(void *ctx)
{
	struct cc_session *s = ctx;
	flight_free(s->flight);
	cc_exchange_free(s->exchange);
	cc_guest_free(s->guest);
	free(s);
}

static void session_abandon(void *ctx)
{
	struct cc_session *s = ctx;
	flight_abandon(s->flight);
	cc_exchange_abandon(s->exchange);
	cc_guest_free(s->guest);
	free(s);
}

static enum err session_open(const struct kbc_options *options, const struct http_transport *transport, void **ctx,
			     struct errmsg *em)
{
	struct cc_session *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(em, "a Key Broker Client");
	memcpy(s->key_type, options->key_type, sizeof(s->key_type));
	s->lifetime_ms = options->lifetime_ms;
	s->max_resource = options->max_resource;
	enum err e = cc_guest_new(options, &s->guest, em);
	if (e == OK)
		e = flight_new((struct flight_pilot){ session_attest_now, s }, &s->flight, em);
	if (e == OK)
		e = cc_exchange_new(options, transport, &s->exchange, em);
	if (e != OK) {
		session_free(s);
		return e;
	}
	*ctx = s;
	return OK;
}

const struct kbc_kind kbc_kind_cc = {
	.name = "cc_kbc",
	.open = session_open,
	.get = session_get,
	.attest = session_attest,
	.counts = session_counts,
	.free = session_free,
	.abandon = session_abandon,
};
