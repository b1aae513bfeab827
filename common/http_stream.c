#include "common/http_stream.h"

#include "common/http2_link.h"
#include "common/libctx.h"
#include "common/log.h"
#include "common/once.h"

#include <stdio.h>
#include <strings.h>

#define IDLE_MAX 8
#define LINKS_MAX 8
#define REDIRECTS_MAX 10
#define PAUSE_STEP_MS 100

static struct once curl_once = ONCE_INIT;

static bool curl_begin(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

enum err http_pool_open(const struct http_pool_options *options, struct http_pool **out, struct errmsg *em)
{
	struct libctx_guard guard = libctx_enter();
	bool ready = libctx_prepare() && once_do(&curl_once, curl_begin);
	libctx_leave(guard);
	struct http_pool *p = ready ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return err_nomem(em, "an HTTP client");
	atomic_init(&p->users, 1);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->opened, NULL);
	p->insecure = options->insecure;
	p->connect_ms = options->connect_ms > 0 ? options->connect_ms : 10000;
	p->stall_ms = options->stall_ms > 0 ? options->stall_ms : 30000;
	p->interrupted = options->interrupted;
	p->interrupted_user = options->interrupted_user;
	p->client_host = options->client_host ? strdup(options->client_host) : NULL;
	enum err e = options->client_host && !p->client_host ? err_nomem(em, "an HTTP client") : OK;
	if (e == OK)
		e = buf_append(&p->ca_pem, options->ca_pem, 0, em);
	if (e == OK)
		e = buf_append(&p->client_certificate, options->client_certificate, 0, em);
	if (e == OK && options->client_key)
		e = secret_copy(secret_bytes(options->client_key), &p->client_key, em);
	if (e == OK)
		*out = p;
	else
		http_pool_leave(p);
	return e;
}

/* The last one out. */
void http_pool_leave(struct http_pool *p)
{
	if (atomic_fetch_sub(&p->users, 1) != 1)
		return;
	while (p->idle) {
		struct http_lane *lane = p->idle;
		p->idle = lane->next;
		http_lane_free(lane);
	}
	while (p->origins) {
		struct http_origin *origin = p->origins;
		p->origins = origin->next;
		http2_link_free(origin->link);
		free(origin);
	}
	pthread_cond_destroy(&p->opened);
	pthread_mutex_destroy(&p->lock);
	secret_free(p->client_key);
	buf_clear(&p->ca_pem);
	buf_clear(&p->client_certificate);
	free(p->client_host);
	free(p);
}

void http_pool_free(struct http_pool *p)
{
	if (p)
		http_pool_leave(p);
}

enum err http_pool_goes_on(const struct http_pool *p, struct errmsg *em)
{
	return p->interrupted && p->interrupted(p->interrupted_user) ? err_set(em, ERR_IO, "interrupted") : OK;
}

enum err http_pool_pause(const struct http_pool *p, int64_t ms, struct errmsg *em)
{
	struct deadline until = deadline_in_ms(ms);
	enum err e = http_pool_goes_on(p, em);
	while (e == OK && deadline_sleep_ms(until, PAUSE_STEP_MS))
		e = http_pool_goes_on(p, em);
	return e;
}

static enum err lane_take(struct http_pool *p, struct http_lane **out, struct errmsg *em)
{
	pthread_mutex_lock(&p->lock);
	struct http_lane *lane = p->idle;
	if (lane) {
		p->idle = lane->next;
		p->idle_count--;
	}
	pthread_mutex_unlock(&p->lock);
	enum err e = lane ? OK : http_lane_new(p, &lane, em);
	if (e != OK)
		return e;
	atomic_fetch_add(&p->users, 1);
	*out = lane;
	return OK;
}

static void lane_give_back(struct http_lane *lane)
{
	struct http_pool *p = lane->pool;
	http_lane_stop(lane);
	pthread_mutex_lock(&p->lock);
	bool kept = p->idle_count < IDLE_MAX && !lane->failed;
	if (kept) {
		lane->next = p->idle;
		p->idle = lane;
		p->idle_count++;
	}
	pthread_mutex_unlock(&p->lock);
	if (!kept)
		http_lane_free(lane);
	http_pool_leave(p);
}

/* To the front of the list: at its end are those that nobody has asked for longest. */
static struct http_origin *origin_find_locked(struct http_pool *p, const char *name)
{
	struct http_origin **at = &p->origins;
	while (*at && strcasecmp((*at)->name, name) != 0)
		at = &(*at)->next;
	struct http_origin *origin = *at;
	if (origin) {
		*at = origin->next;
	} else {
		origin = calloc(1, sizeof(*origin));
		if (!origin)
			return NULL;
		snprintf(origin->name, sizeof(origin->name), "%s", name);
	}
	origin->next = p->origins;
	p->origins = origin;
	return origin;
}

/* Servers send us to as many places as they like, and each connection is a thread. One too many, the caller's; whoever
 * still uses it has it until then. */
static struct http2_link *link_over_locked(const struct http_pool *p)
{
	struct http_origin *last = NULL;
	size_t count = 0;
	for (struct http_origin *origin = p->origins; origin; origin = origin->next) {
		last = origin->link ? origin : last;
		count += origin->link != NULL;
	}
	if (count <= LINKS_MAX)
		return NULL;
	struct http2_link *link = last->link;
	last->link = NULL;
	return link;
}

/* True: *link says how to get there, NULL by HTTP/1.1. Else there was a link that is of no use: the caller's. */
static bool origin_known_locked(struct http_origin *origin, struct http2_link **link)
{
	bool usable = origin->link && http2_link_usable(origin->link, &origin->http1);
	*link = usable ? http2_link_share(origin->link) : NULL;
	if (usable || (origin->http1 && !origin->link))
		return true;
	*link = origin->link;
	origin->link = NULL;
	return false;
}

/* One connects, the others wait for it: it has its own time-outs. */
static enum err link_get(struct http_pool *p, const char *url, const char *name, struct http2_link **out,
			 struct errmsg *em)
{
	struct http2_link *link = NULL;
	pthread_mutex_lock(&p->lock);
	struct http_origin *origin = origin_find_locked(p, name);
	while (origin && origin->opening)
		pthread_cond_wait(&p->opened, &p->lock);
	bool known = !origin || origin_known_locked(origin, out);
	if (!known) {
		link = *out;
		*out = NULL;
		origin->opening = true;
	}
	bool http1 = origin && origin->http1;
	pthread_mutex_unlock(&p->lock);
	if (known)
		return origin ? OK : err_nomem(em, "an HTTP client");
	http2_link_free(link);
	enum err e = http1 ? OK : http2_link_open(p, url, out, em);
	pthread_mutex_lock(&p->lock);
	origin->opening = false;
	origin->http1 = e == OK && !*out;
	origin->link = e == OK && *out ? http2_link_share(*out) : NULL;
	link = link_over_locked(p);
	pthread_cond_broadcast(&p->opened);
	pthread_mutex_unlock(&p->lock);
	http2_link_free(link);
	return e;
}

/* What carries one answer: its stream of a shared connection, or a connection of its own. */
struct carrier {
	struct http_pool *pool;
	struct http_lane *lane;
	struct http2_exchange *exchange;
};

static void carrier_drop(struct carrier *c)
{
	http2_exchange_free(c->exchange);
	if (c->lane)
		lane_give_back(c->lane);
	c->exchange = NULL;
	c->lane = NULL;
}

static enum err body_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct carrier *c = ctx;
	return c->lane ? http_lane_read(c->lane, to, got, em) : http2_exchange_read(c->exchange, to, got, em);
}

static void body_free(void *ctx)
{
	struct carrier *c = ctx;
	carrier_drop(c);
	http_pool_leave(c->pool);
	free(c);
}

static enum err hop_begin(struct carrier *c, const struct http_hop *hop, const struct http_target *target,
			  struct errmsg *em)
{
	struct http2_link *link = NULL;
	carrier_drop(c);
	enum err e = target->plain ? OK : link_get(c->pool, hop->url, target->origin, &link, em);
	if (e == OK && link) {
		e = http2_exchange_begin(link, hop, &c->exchange, em);
		http2_link_free(link);
		return e;
	}
	if (e == OK)
		e = lane_take(c->pool, &c->lane, em);
	return e == OK ? http_lane_begin(c->lane, hop, em) : e;
}

void http_reply_clear(struct http_reply *r)
{
	stream_free(r->body);
	http_response_clear(&r->head);
	free(r->url);
	*r = (struct http_reply){ 0 };
}

enum err http_url_resolve(const char *base, const char *location, char **out, struct errmsg *em)
{
	CURLU *url = curl_url();
	char *text = NULL;
	if (!url)
		return err_nomem(em, "a URL");
	CURLUcode code = curl_url_set(url, CURLUPART_URL, base, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_URL, location, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(url, CURLUPART_URL, &text, 0);
	*out = text ? strdup(text) : NULL;
	curl_free(text);
	curl_url_cleanup(url);
	if (*out)
		return OK;
	if (code == CURLUE_OK || code == CURLUE_OUT_OF_MEMORY)
		return err_nomem(em, "a URL");
	return err_set(em, ERR_PROTO, "the server names a place that is no URL");
}

enum err http_url_same_origin(const char *a, const char *b, bool *same, struct errmsg *em)
{
	struct http_target one, other;
	enum err e = http_target_parse(a, &one, em);
	if (e == OK)
		e = http_target_parse(b, &other, em);
	*same = e == OK && strcasecmp(one.origin, other.origin) == 0;
	return e;
}

static bool status_is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer at hand sends us: hop->url changes. */
static enum err redirect(struct http_hop *hop, char **url, struct errmsg *em)
{
	struct http_target from, to;
	AUTO_STR
	char *location = http_response_header(hop->head, "location");
	AUTO_STR
	char *next = NULL;
	bool same = false;
	if (!location)
		return err_set(em, ERR_PROTO, "a redirect to nowhere");
	enum err e = http_url_resolve(*url, location, &next, em);
	if (e == OK)
		e = http_target_parse(*url, &from, em);
	if (e == OK && http_target_parse(next, &to, em) != OK)
		e = ERR_PROTO;
	if (e == OK && to.plain && !from.plain)
		e = err_set(em, ERR_PROTO, "%s: a redirect from https:// to http://", from.origin);
	if (e == OK)
		e = http_url_same_origin(hop->call->url, next, &same, em);
	if (e != OK)
		return e;
	/* Once gone they stay away, even if a later redirect leads back. */
	hop->authorized = hop->authorized && same;
	free(*url);
	*url = steal(&next);
	hop->url = *url;
	return OK;
}

static enum err call_hops(struct carrier *c, struct http_hop *hop, char **url, struct errmsg *em)
{
	bool follows = strcmp(hop->call->method, "GET") == 0 || strcmp(hop->call->method, "HEAD") == 0;
	for (int hops = 0;; hops++) {
		struct http_target target;
		int64_t begin = monotonic_ms();
		http_response_clear(hop->head);
		enum err e = http_target_parse(hop->url, &target, em);
		if (e != OK)
			return e;
		e = hop_begin(c, hop, &target, em);
		log_debug("http", "call", "method=%s url=\"%s%s\" status=%ld result=%s ms=%lld", hop->call->method,
			  target.origin, target.path, hop->head->status, err_name(e),
			  (long long)(monotonic_ms() - begin));
		if (e != OK || !follows || !status_is_redirect(hop->head->status))
			return e;
		if (hops == REDIRECTS_MAX)
			return err_set(em, ERR_PROTO, "more than %d redirects", REDIRECTS_MAX);
		e = redirect(hop, url, em);
		if (e != OK)
			return e;
	}
}

enum err http_pool_call(struct http_pool *p, const struct http_call *call, struct http_reply *out, struct errmsg *em)
{
	static const struct stream_ops ops = { body_read, body_free };
	struct http_hop hop = { .call = call, .authorized = call->authorization != NULL, .head = &out->head };
	http_reply_clear(out);
	out->url = strdup(call->url);
	struct carrier *c = calloc(1, sizeof(*c));
	if (!out->url || !c) {
		free(c);
		http_reply_clear(out);
		return err_nomem(em, "a request");
	}
	hop.url = out->url;
	c->pool = p;
	atomic_fetch_add(&p->users, 1);
	enum err e = call_hops(c, &hop, &out->url, em);
	if (e != OK) {
		body_free(c);
		http_reply_clear(out);
		return e;
	}
	out->status = out->head.status;
	if (c->lane)
		c->lane->head.response = NULL; /* header and body part here: the reply may move */
	return stream_new(&ops, c, &out->body, em);
}
