#include "tests/unit/kbc/fake_kbs.h"

#include "attest/attest.h"
#include "common/base64.h"
#include "common/jwe.h"
#include "common/jwk.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RULES_MAX 16
#define SESSIONS_MAX 64

struct http {
	int unused;
};

struct session {
	char id[40];
	char nonce[64];
	bool live; /* the cookie is known */
	bool trusted; /* its result is */
	char *token;
	EVP_PKEY *key;
};

static struct {
	pthread_mutex_t lock;
	struct fake_rule rules[RULES_MAX];
	size_t rule_count;
	struct fake_behaviour behaviour;
	struct fake_counts counts;
	struct fake_seen seen;
	struct session sessions[SESSIONS_MAX];
	size_t session_count;
	unsigned in_flight;
} kbs = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_kbs_reset(void)
{
	pthread_mutex_lock(&kbs.lock);
	for (size_t i = 0; i < kbs.session_count; i++) {
		free(kbs.sessions[i].token);
		EVP_PKEY_free(kbs.sessions[i].key);
		kbs.sessions[i] = (struct session){ .live = false };
	}
	kbs.session_count = kbs.rule_count = 0;
	kbs.behaviour = (struct fake_behaviour){ .valid_s = 300 };
	kbs.counts = (struct fake_counts){ 0 };
	kbs.seen = (struct fake_seen){ .url = "" };
	pthread_mutex_unlock(&kbs.lock);
}

void fake_kbs_rule(struct fake_rule rule)
{
	pthread_mutex_lock(&kbs.lock);
	if (kbs.rule_count == RULES_MAX)
		abort();
	kbs.rules[kbs.rule_count++] = rule;
	pthread_mutex_unlock(&kbs.lock);
}

void fake_kbs_behave(struct fake_behaviour b)
{
	pthread_mutex_lock(&kbs.lock);
	kbs.behaviour = b;
	if (!b.valid_s)
		kbs.behaviour.valid_s = 300;
	pthread_mutex_unlock(&kbs.lock);
}

static void forget(bool results)
{
	pthread_mutex_lock(&kbs.lock);
	for (size_t i = 0; i < kbs.session_count; i++) {
		kbs.sessions[i].live = false;
		kbs.sessions[i].trusted = kbs.sessions[i].trusted && !results;
	}
	pthread_mutex_unlock(&kbs.lock);
}

void fake_kbs_forget_sessions(void)
{
	forget(false);
}

void fake_kbs_forget_all(void)
{
	forget(true);
}

struct fake_counts fake_kbs_counts(void)
{
	pthread_mutex_lock(&kbs.lock);
	struct fake_counts counts = kbs.counts;
	pthread_mutex_unlock(&kbs.lock);
	return counts;
}

struct fake_seen fake_kbs_seen(void)
{
	pthread_mutex_lock(&kbs.lock);
	struct fake_seen seen = kbs.seen;
	pthread_mutex_unlock(&kbs.lock);
	return seen;
}

static void must(enum err e)
{
	if (e != OK)
		abort();
}

static void say(struct http_response *resp, long status, const char *body)
{
	resp->status = status;
	must(buf_append(&resp->body, bytes_str(body), 0, NULL));
}

static void refuse(struct http_response *resp, const char *variant)
{
	char body[256];
	snprintf(body, sizeof(body),
		 "{\"type\":\"https://github.com/confidential-containers/kbs/errors/%s\",\"detail\":\"no\"}", variant);
	say(resp, 401, body);
}

static const char *header_value(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++)
		if (strcmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	return "";
}

static struct session *by_cookie_locked(const struct http_request *req)
{
	for (size_t i = 0; i < kbs.session_count; i++) {
		char pair[64];
		snprintf(pair, sizeof(pair), "kbs-session-id=%s", kbs.sessions[i].id);
		if (kbs.sessions[i].live && strcmp(header_value(req, "Cookie"), pair) == 0)
			return &kbs.sessions[i];
	}
	return NULL;
}

static struct session *by_bearer_locked(const struct http_request *req)
{
	const char *value = header_value(req, "Authorization");
	for (size_t i = 0; i < kbs.session_count; i++)
		if (kbs.sessions[i].token && strncmp(value, "Bearer ", 7) == 0 &&
		    strcmp(value + 7, kbs.sessions[i].token) == 0)
			return &kbs.sessions[i];
	return NULL;
}

static void answer_auth_locked(struct http_response *resp)
{
	if (kbs.session_count == SESSIONS_MAX)
		abort();
	size_t n = kbs.session_count++;
	struct session *s = &kbs.sessions[n];
	uint8_t raw[32] = { 0xff, 0xff, 0xff, (uint8_t)n };
	AUTO_STR
	char *nonce = base64_encode(BASE64_STD, BYTES(raw));
	char text[512];
	*s = (struct session){ .live = true };
	snprintf(s->id, sizeof(s->id), "%032zx", n + 1);
	snprintf(s->nonce, sizeof(s->nonce), "%s", nonce);
	snprintf(text, sizeof(text), "set-cookie: lb=somewhere; Path=/\nset-cookie: kbs-session-id=%s%s\n", s->id,
		 kbs.behaviour.set_cookie_suffix ? kbs.behaviour.set_cookie_suffix : "");
	must(buf_append(&resp->headers, bytes_str(text), 0, NULL));
	if (kbs.behaviour.hash)
		snprintf(text, sizeof(text), "{\"nonce\":\"%s\",\"extra-params\":{\"selected-hash-algorithm\":\"%s\"}}",
			 nonce, kbs.behaviour.hash);
	else
		snprintf(text, sizeof(text), "{\"nonce\":\"%s\",\"extra-params\":\"\"}", nonce);
	say(resp, 200, text);
}

static char *make_token(const struct session *s)
{
	char claims[256], *token = NULL;
	long long now = (long long)time(NULL);
	snprintf(claims, sizeof(claims), "{\"iat\":%lld,\"exp\":%lld,\"sid\":\"%s\"}", now,
		 now + (long long)kbs.behaviour.valid_s, s->id);
	AUTO_STR
	char *body = base64_encode(BASE64_URL, bytes_str(claims));
	size_t padding = kbs.behaviour.token_padding;
	AUTO_STR
	char *more = calloc(1, padding + 1);
	memset(more, 'A', padding);
	if (asprintf(&token, "e30.%s.c2ln%s", body, more) < 0)
		abort();
	return token;
}

/* True if the evidence is over what it is sent with. */
static bool bound(json_object *attestation, struct session *s)
{
	json_object *runtime, *evidence, *primary, *pubkey;
	const char *nonce, *reported, *additional;
	if (json_get_object(attestation, "runtime-data", &runtime, NULL) != OK ||
	    json_get_object(attestation, "tee-evidence", &evidence, NULL) != OK ||
	    json_get_object(evidence, "primary_evidence", &primary, NULL) != OK ||
	    json_get_object(runtime, "tee-pubkey", &pubkey, NULL) != OK ||
	    json_get_string(evidence, "additional_evidence", &additional, NULL) != OK ||
	    json_get_string(primary, "report_data", &reported, NULL) != OK ||
	    json_get_string(runtime, "nonce", &nonce, NULL) != OK || strcmp(nonce, s->nonce) != 0)
		return false;
	struct attest_runtime_data data = { additional, nonce, pubkey };
	struct attest_digest expected;
	must(attest_report_data(kbs.behaviour.hash, &data, &expected, NULL));
	AUTO_STR
	char *text = base64_encode(BASE64_STD, (struct bytes){ expected.data, expected.len });
	if (strcmp(text, reported) != 0)
		return false;
	must(jwk_to_public(pubkey, &s->key, NULL));
	return true;
}

static void answer_attest_locked(const struct http_request *req, struct http_response *resp)
{
	struct session *s = by_cookie_locked(req);
	AUTO_OF(json_object) *root = NULL;
	if (!s || s->token || json_parse(req->body, 1U << 20, JSON_STRICT, &root, NULL) != OK || !bound(root, s)) {
		refuse(resp, "AttestationError");
		return;
	}
	s->token = make_token(s);
	s->trusted = true;
	AUTO_STR
	char *text = NULL;
	if (asprintf(&text, "{\"token\":\"%s\"}", s->token) < 0)
		abort();
	say(resp, 200, text);
}

static EVP_PKEY *another_key(void)
{
	return EVP_EC_gen("P-256");
}

static void answer_resource_locked(const struct http_request *req, struct http_response *resp)
{
	struct session *s = by_cookie_locked(req);
	if (!s)
		s = by_bearer_locked(req);
	if (!s) {
		refuse(resp, "TokenNotFound");
		return;
	}
	if (!s->trusted) {
		refuse(resp, "TokenVerifierError");
		return;
	}
	const char *path = strstr(req->url, "/resource/default/key/");
	if (!path || strlen(path) != 23 || path[22] < '1' || path[22] > '9') {
		say(resp, 401,
		    "{\"type\":\"https://github.com/confidential-containers/kbs/errors/PluginInternalError\","
		    "\"detail\":\"Plugin internal error: resource not found\"}");
		return;
	}
	char plain[16];
	snprintf(plain, sizeof(plain), "resource %c", path[22]);
	AUTO_OF(EVP_PKEY) *other = kbs.behaviour.seal_for_another ? another_key() : NULL;
	bool rsa = EVP_PKEY_is_a(s->key, "RSA");
	struct jwe_recipient to = { .key = other ? other : s->key, .alg = rsa ? "RSA-OAEP-256" : NULL };
	AUTO_STR
	char *text = NULL;
	must(jwe_encrypt(&to, 1, bytes_str(plain), &text, NULL));
	say(resp, 200, text);
}

static void answer_locked(const struct http_request *req, struct http_response *resp)
{
	if (strstr(req->url, "/kbs/v0/auth")) {
		kbs.counts.auths++;
		answer_auth_locked(resp);
	} else if (strstr(req->url, "/kbs/v0/attest")) {
		kbs.counts.attests++;
		answer_attest_locked(req, resp);
	} else if (strstr(req->url, "/kbs/v0/resource/")) {
		kbs.counts.gets++;
		answer_resource_locked(req, resp);
	} else {
		say(resp, 404, "");
	}
}

static struct fake_rule take_rule_locked(const char *url)
{
	for (size_t i = 0; i < kbs.rule_count; i++) {
		if (!kbs.rules[i].times || !strstr(url, kbs.rules[i].route))
			continue;
		kbs.rules[i].times--;
		return kbs.rules[i];
	}
	return (struct fake_rule){ .route = NULL };
}

static enum err apply_locked(const struct fake_rule *rule, const struct http_request *req, struct http_response *resp,
			     struct errmsg *em)
{
	if (rule->err != OK && !rule->after)
		return err_set(em, rule->err, "%s: the test says so", req->url);
	if (rule->status) {
		if (rule->headers)
			must(buf_append(&resp->headers, bytes_str(rule->headers), 0, NULL));
		say(resp, rule->status, rule->body ? rule->body : "");
		return OK;
	}
	answer_locked(req, resp);
	if (rule->err == OK)
		return OK;
	http_response_clear(resp);
	return err_set(em, rule->err, "the answer is lost");
}

static struct fake_rule arrive_locked(const struct http_request *req)
{
	kbs.counts.requests++;
	if (++kbs.in_flight > kbs.counts.most_at_once)
		kbs.counts.most_at_once = kbs.in_flight;
	snprintf(kbs.seen.url, sizeof(kbs.seen.url), "%s", req->url);
	snprintf(kbs.seen.cookie, sizeof(kbs.seen.cookie), "%s", header_value(req, "Cookie"));
	snprintf(kbs.seen.authorization, sizeof(kbs.seen.authorization), "%s", header_value(req, "Authorization"));
	return take_rule_locked(req->url);
}

static enum err fake_request(struct http *http, const struct http_request *req, struct http_response *resp,
			     struct errmsg *em)
{
	(void)http;
	pthread_mutex_lock(&kbs.lock);
	struct fake_rule rule = arrive_locked(req);
	pthread_mutex_unlock(&kbs.lock);
	bool in_time = true;
	if (rule.delay_ms)
		in_time = deadline_sleep_ms(req->deadline, rule.delay_ms);
	pthread_mutex_lock(&kbs.lock);
	enum err e = in_time ? apply_locked(&rule, req, resp, em) : err_set(em, ERR_TIMEOUT, "no answer in time");
	kbs.in_flight--;
	pthread_mutex_unlock(&kbs.lock);
	return e;
}

static enum err fake_open(const struct http_options *options, struct http **out, struct errmsg *em)
{
	(void)options;
	(void)em;
	*out = calloc(1, sizeof(**out));
	pthread_mutex_lock(&kbs.lock);
	kbs.counts.opens++;
	pthread_mutex_unlock(&kbs.lock);
	return *out ? OK : ERR_NOMEM;
}

static void fake_close(struct http *http)
{
	pthread_mutex_lock(&kbs.lock);
	kbs.counts.closes++;
	pthread_mutex_unlock(&kbs.lock);
	free(http);
}

/* In a forked child: without the lock, which another thread may have held. */
static void fake_abandon(struct http *http)
{
	kbs.counts.abandons++;
	free(http);
}

const struct http_transport *fake_kbs(void)
{
	static const struct http_transport transport = { HTTP_ABI, fake_open, fake_request, fake_close, fake_abandon };
	return &transport;
}
