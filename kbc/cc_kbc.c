#include "kbc/cc_kbc.h"

#include "kbc/cc_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/kbs/v0/"
#define BEARER "Bearer "

static const struct http_header content_is_json = { "Content-Type", "application/json" };

enum handshake_state { AUTH, EVIDENCE, ATTEST, DONE, FAILED };

struct cc_handshake {
	enum handshake_state state;
	struct cc_handshake_setup setup;
	struct cc_challenge challenge;
	struct attest_digest report_data;
	char *additional; /* of devices; NULL: none */
	struct cc_request request;
	char *body;
	struct cc_grant grant;
};

void cc_grant_clear(struct cc_grant *grant)
{
	secret_free(grant->cookie);
	secret_free(grant->bearer);
	*grant = (struct cc_grant){ .cookie = NULL };
}

static void request_start(struct cc_request *r, const char *stage, const char *method)
{
	*r = (struct cc_request){ .stage = stage, .method = method };
}

static void request_header(struct cc_request *r, struct http_header header)
{
	r->headers[r->header_count++] = header;
}

static const char *secret_cstr(const struct secret *s)
{
	return (const char *)secret_bytes(s).data;
}

static void handshake_post(struct cc_handshake *h, const char *route)
{
	request_start(&h->request, route, "POST");
	snprintf(h->request.target, sizeof(h->request.target), PREFIX "%s", route);
	request_header(&h->request, content_is_json);
	if (h->grant.cookie)
		request_header(&h->request, (struct http_header){ "Cookie", secret_cstr(h->grant.cookie) });
	h->request.body = bytes_str(h->body);
}

enum err cc_handshake_new(struct cc_handshake_setup setup, struct cc_handshake **out, struct errmsg *em)
{
	AUTO(cc_handshake) *h = calloc(1, sizeof(*h));
	if (!h)
		return err_nomem(em, "a handshake");
	h->setup = setup;
	h->grant.session_s = CC_SESSION_SECONDS;
	enum err e = cc_request_write(setup.tee, &h->body, em);
	if (e != OK)
		return e;
	handshake_post(h, "auth");
	*out = steal(&h);
	return OK;
}

void cc_handshake_free(struct cc_handshake *h)
{
	if (!h)
		return;
	free(h->body);
	free(h->additional);
	cc_grant_clear(&h->grant);
	free(h);
}

enum cc_want cc_handshake_want(const struct cc_handshake *h)
{
	if (h->state == AUTH || h->state == ATTEST)
		return CC_WANT_SEND;
	return h->state == EVIDENCE ? CC_WANT_EVIDENCE : CC_WANT_NOTHING;
}

const struct cc_request *cc_handshake_request(const struct cc_handshake *h)
{
	return &h->request;
}

const struct attest_digest *cc_handshake_report_data(const struct cc_handshake *h)
{
	return &h->report_data;
}

/* additional: NULL for what devices are bound to. */
static enum err bind(const struct cc_handshake *h, const char *additional, struct attest_digest *out, struct errmsg *em)
{
	struct attest_runtime_data data = { additional, h->challenge.nonce, h->setup.tee_pubkey };
	return attest_report_data(h->challenge.hash, &data, out, em);
}

static enum err take_challenge(struct cc_handshake *h, const struct http_response *resp, struct errmsg *em)
{
	enum err e = cc_challenge_read(buf_bytes(&resp->body), &h->challenge, em);
	if (e == OK)
		e = cc_cookie_read(resp, &h->grant.cookie, &h->grant.session_s, em);
	if (e != OK)
		return e;
	e = bind(h, h->additional ? h->additional : "", &h->report_data, em);
	if (e == OK)
		h->state = EVIDENCE;
	return e;
}

static enum err make_bearer(struct bytes token, struct secret **out, struct errmsg *em)
{
	size_t prefix = strlen(BEARER);
	if (token.len > CC_BEARER_MOST)
		return OK;
	enum err e = secret_new(prefix + token.len + 1, out, em);
	if (e != OK)
		return e;
	memcpy(secret_data(*out), BEARER, prefix);
	memcpy(secret_data(*out) + prefix, token.data, token.len);
	return OK;
}

/* By the KBS's own clock where the result says both: a guest's clock may be wrong. */
static enum err judge_times(struct cc_handshake *h, const struct cc_times *times, struct errmsg *em)
{
	if (!times->exp) {
		h->grant.valid_s = h->grant.session_s;
		return OK;
	}
	h->grant.valid_s = times->exp - (times->iat ? times->iat : h->setup.now);
	if (h->grant.valid_s <= 0)
		return err_set(em, ERR_EXPIRED, "attest: the KBS's attestation result has expired already");
	return OK;
}

static enum err take_token(struct cc_handshake *h, const struct http_response *resp, struct errmsg *em)
{
	AUTO(secret) *token = NULL;
	struct cc_times times = { 0, 0 };
	enum err e = cc_token_read(buf_bytes(&resp->body), &token, em);
	if (e == OK)
		e = cc_token_times(secret_bytes(token), &times, em);
	if (e == OK)
		e = judge_times(h, &times, em);
	if (e == OK)
		e = make_bearer(secret_bytes(token), &h->grant.bearer, em);
	if (e == OK)
		h->state = DONE;
	return e;
}

enum err cc_handshake_answer(struct cc_handshake *h, const struct http_response *resp, struct errmsg *em)
{
	enum handshake_state asked = h->state;
	if (asked != AUTH && asked != ATTEST)
		return err_set(em, ERR_MISUSE, "an answer to nothing");
	h->state = FAILED;
	if (resp->status != 200)
		return cc_refusal_read(asked == AUTH ? CC_STAGE_AUTH : CC_STAGE_ATTEST, resp, em).err;
	return asked == AUTH ? take_challenge(h, resp, em) : take_token(h, resp, em);
}

enum err cc_handshake_device_data(const struct cc_handshake *h, struct attest_digest *out, struct errmsg *em)
{
	if (h->state != EVIDENCE)
		return err_set(em, ERR_MISUSE, "nobody asked for evidence");
	return bind(h, NULL, out, em);
}

enum err cc_handshake_additional(struct cc_handshake *h, char *text, struct errmsg *em)
{
	free(h->additional);
	h->additional = text;
	return bind(h, h->additional, &h->report_data, em);
}

enum err cc_handshake_evidence(struct cc_handshake *h, json_object *primary, struct errmsg *em)
{
	if (h->state != EVIDENCE)
		return err_set(em, ERR_MISUSE, "evidence that nobody asked for");
	struct cc_attestation message = { h->challenge.nonce, h->setup.tee_pubkey, primary,
					  h->additional ? h->additional : "", h->setup.init_data };
	h->state = FAILED;
	free(steal(&h->body));
	enum err e = cc_attestation_write(&message, &h->body, em);
	if (e != OK)
		return e;
	handshake_post(h, "attest");
	h->state = ATTEST;
	return OK;
}

void cc_handshake_take(struct cc_handshake *h, struct cc_grant *grant)
{
	*grant = h->grant;
	h->grant = (struct cc_grant){ .cookie = NULL };
}

enum get_state { NEEDS_RESULT, ASKS, HAS };

struct cc_get {
	enum get_state state;
	bool renewed;
	struct cc_request request;
};

enum err cc_get_new(const struct resource_uri *uri, struct cc_get **out, struct errmsg *em)
{
	struct cc_get *g = calloc(1, sizeof(*g));
	if (!g)
		return err_nomem(em, "a resource request");
	request_start(&g->request, "resource", "GET");
	snprintf(g->request.target, sizeof(g->request.target), PREFIX "%s/%s%s%s", uri->plugin, uri->path,
		 uri->query[0] ? "?" : "", uri->query);
	*out = g;
	return OK;
}

void cc_get_free(struct cc_get *g)
{
	free(g);
}

enum cc_want cc_get_want(const struct cc_get *g)
{
	if (g->state == NEEDS_RESULT)
		return CC_WANT_CREDENTIALS;
	return g->state == ASKS ? CC_WANT_SEND : CC_WANT_NOTHING;
}

void cc_get_credentials(struct cc_get *g, struct cc_credentials credentials)
{
	g->request.header_count = 0;
	if (credentials.cookie)
		request_header(&g->request, (struct http_header){ "Cookie", secret_cstr(credentials.cookie) });
	if (credentials.bearer)
		request_header(&g->request, (struct http_header){ "Authorization", secret_cstr(credentials.bearer) });
	g->state = ASKS;
}

const struct cc_request *cc_get_request(const struct cc_get *g)
{
	return &g->request;
}

enum err cc_get_answer(struct cc_get *g, const struct http_response *resp, struct errmsg *em)
{
	if (resp->status == 200) {
		g->state = HAS;
		return OK;
	}
	struct cc_refusal refusal = cc_refusal_read(CC_STAGE_RESOURCE, resp, em);
	if (!refusal.renew)
		return refusal.err;
	if (g->renewed)
		return ERR_AUTH;
	g->renewed = true;
	g->state = NEEDS_RESULT;
	return OK;
}
