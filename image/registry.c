#include "image/registry.h"

#include "common/log.h"
#include "image/registry_certs.h"
#include "image/registry_token.h"

#include <stdio.h>
#include <strings.h>

#define TRIES_MAX 6
#define COMPLAINT_SIZE 4096
#define PAUSE_MAX_MS 60000
#define ANSWER_MS 120000 /* for manifests, tokens and the like: the whole of it */

struct registry *registry_share(struct registry *r)
{
	atomic_fetch_add(&r->users, 1);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r || atomic_fetch_sub(&r->users, 1) != 1)
		return;
	http_pool_free(r->pool);
	credentials_clear(&r->credentials);
	secret_free(r->authorization);
	pthread_mutex_destroy(&r->authorizing);
	pthread_mutex_destroy(&r->lock);
	free(r->name);
	free(r->host);
	free(r->path);
	free(r->base);
	free(r);
}

enum err registry_read(struct http_reply *reply, size_t max, struct buf *out, struct errmsg *em)
{
	for (;;) {
		size_t got = 0;
		enum err e = buf_reserve(out, 16384, em);
		if (e == OK)
			e = stream_read(reply->body, (struct stream_window){ out->data + out->len, 16384 }, &got, em);
		if (e != OK || got == 0)
			return e;
		out->len += got;
		if (out->len > max)
			return err_set(em, ERR_LIMIT, "an answer of more than %zu bytes", max);
	}
}

/* The first of the errors that the registry tells of; distribution-spec "Error Codes". It goes to a terminal. */
static void complaint_read(struct http_reply *reply, char *text, size_t cap)
{
	AUTO_BUF
	body = { 0 };
	AUTO_OF(json_object) *json = NULL;
	json_object *list = NULL;
	const char *code = "", *message = "";
	text[0] = '\0';
	if (!reply->body || registry_read(reply, COMPLAINT_SIZE, &body, NULL) != OK ||
	    json_parse(buf_bytes(&body), COMPLAINT_SIZE, JSON_STRICT, &json, NULL) != OK ||
	    !json_object_is_type(json, json_type_object) || json_get_array_opt(json, "errors", &list, NULL) != OK ||
	    !list || json_object_array_length(list) == 0)
		return;
	json_object *first = json_object_array_get_idx(list, 0);
	if (!json_object_is_type(first, json_type_object) || json_get_string_opt(first, "code", &code, NULL) != OK ||
	    json_get_string_opt(first, "message", &message, NULL) != OK)
		return;
	snprintf(text, cap, ": %.40s%s%.160s", code, *code && *message ? ", " : "", message);
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static enum err status_err(long status)
{
	switch (status) {
	case 401:
		return ERR_AUTH;
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return ERR_BUSY;
	default:
		return ERR_PROTO;
	}
}

static enum err status_refuse(const struct registry *r, struct http_reply *reply, struct errmsg *em)
{
	char complaint[256];
	complaint_read(reply, complaint, sizeof(complaint));
	return err_set(em, status_err(reply->status), "%s/%s: HTTP %ld%s", r->host, r->path, reply->status, complaint);
}

static unsigned generation_now(struct registry *r)
{
	pthread_mutex_lock(&r->lock);
	unsigned generation = r->generation;
	pthread_mutex_unlock(&r->lock);
	return generation;
}

static enum err authorization_now(struct registry *r, struct secret **out, struct errmsg *em)
{
	enum err e = OK;
	*out = NULL;
	pthread_mutex_lock(&r->lock);
	if (r->authorization && !deadline_passed(r->authorized_until))
		e = secret_copy(secret_bytes(r->authorization), out, em);
	pthread_mutex_unlock(&r->lock);
	return e;
}

static void authorization_set(struct registry *r, struct secret *value, struct deadline until)
{
	pthread_mutex_lock(&r->lock);
	struct secret *old = r->authorization;
	r->authorization = value;
	r->authorized_until = until;
	r->generation++;
	pthread_mutex_unlock(&r->lock);
	secret_free(old);
}

/* What the answer demands. Where it came from elsewhere, after a redirect or from where an upload goes on, it is no
 * challenge: its realm would be given the registry's password. */
static enum err challenge_read(const struct registry *r, const struct http_reply *reply, struct auth_challenge *out,
			       struct errmsg *em)
{
	AUTO_STR
	char *header = http_response_header(&reply->head, "www-authenticate");
	bool ours = false;
	enum err e = http_url_same_origin(reply->url, r->base, &ours, em);
	if (e == OK && !ours)
		return err_set(em, ERR_AUTH, "%s: sends us to another place, which wants credentials", r->host);
	if (e == OK && header)
		e = auth_challenge_parse(header, out, em);
	return e == OK ? OK : err_wrap(em, ERR_PROTO, "%s", r->host);
}

/* What the registry wants, from an answer of 401. */
static enum err authorize(struct registry *r, const struct http_reply *reply, struct errmsg *em)
{
	AUTO_AUTH_CHALLENGE challenge = { 0 };
	AUTO_STR
	char *scope = NULL;
	struct secret *value = NULL;
	struct deadline until = deadline_in_ms(INT32_MAX);
	enum err e = challenge_read(r, reply, &challenge, em);
	if (e != OK)
		return e;
	if (asprintf(&scope, "repository:%s:%s", r->path, r->push ? "pull,push" : "pull") < 0) {
		scope = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	bool narrow = challenge.error && strcmp(challenge.error, "insufficient_scope") == 0 && challenge.scope;
	if (challenge.bearer)
		e = registry_token_fetch(r, &(struct token_request){ &challenge, narrow ? challenge.scope : scope },
					 &value, &until, em);
	else if (challenge.basic)
		e = registry_basic(r, &value, em);
	else
		e = err_set(em, ERR_AUTH, "%s: wants a kind of authentication that is not known", r->host);
	if (e == OK && !value)
		e = err_set(em, ERR_AUTH, "%s: wants a user and a password, and there are none", r->host);
	if (e == OK)
		authorization_set(r, value, until);
	return e;
}

/* Several requests may find out at once that what they have is no longer taken: the first one gets something new, and
 * the others try with that. *anew: it was us. */
static enum err authorize_since(struct registry *r, unsigned generation, const struct http_reply *reply, bool *anew,
				struct errmsg *em)
{
	pthread_mutex_lock(&r->authorizing);
	*anew = generation_now(r) == generation;
	enum err e = *anew ? authorize(r, reply, em) : OK;
	pthread_mutex_unlock(&r->authorizing);
	return e;
}

/* Header values of one request. */
struct prepared {
	struct http_header headers[4];
	size_t count;
	char range[48];
	char *url;
};

static void header_put(struct prepared *p, const char *name, const char *value)
{
	if (value)
		p->headers[p->count++] = (struct http_header){ name, value };
}

static enum err prepare(const struct registry *r, const struct registry_request *q, struct prepared *p,
			struct errmsg *em)
{
	int n = 0;
	if (strstr(q->what, "://"))
		p->url = strdup(q->what);
	else if (q->what[0] == '/')
		n = asprintf(&p->url, "%s%s", r->base, q->what);
	else
		n = asprintf(&p->url, "%s/v2/%s/%s", r->base, r->path, q->what);
	if (n < 0 || !p->url)
		return err_set(em, ERR_NOMEM, "no memory");
	header_put(p, "Accept", q->accept);
	header_put(p, "Content-Type", q->content_type);
	header_put(p, "Content-Range", q->content_range);
	snprintf(p->range, sizeof(p->range), "bytes=%llu-", (unsigned long long)q->from);
	header_put(p, "Range", q->from ? p->range : NULL);
	return OK;
}

static enum err ask_once(struct registry *r, const struct registry_request *q, struct http_reply *out,
			 struct errmsg *em)
{
	struct prepared p = { .count = 0 };
	AUTO(secret) *authorization = NULL;
	AUTO(stream) *content = NULL;
	bool ours = false;
	enum err e = prepare(r, q, &p, em);
	AUTO_STR
	char *url = p.url;
	if (e == OK)
		e = authorization_now(r, &authorization, em);
	/* A registry may send uploads elsewhere: that other place gets no credentials. */
	if (e == OK)
		e = http_url_same_origin(url, r->base, &ours, em);
	if (e == OK && q->content_type)
		e = stream_from_bytes(q->content, &content, em);
	if (e != OK)
		return e;
	const struct http_call call = {
		.method = q->method,
		.url = url,
		.headers = p.headers,
		.header_count = p.count,
		.authorization = ours ? authorization : NULL,
		.body = q->upload ? q->upload : content,
		.body_size = q->upload ? q->upload_size : (int64_t)q->content.len,
		.total_ms = q->large || q->upload ? 0 : ANSWER_MS,
	};
	return http_pool_call(r->pool, &call, out, em);
}

/* Retry-After, RFC 9110 10.2.3: seconds or a date. */
static int64_t pause_wanted(const struct http_reply *reply, int64_t otherwise_ms)
{
	AUTO_STR
	char *text = http_response_header(&reply->head, "retry-after");
	struct tm when = { 0 };
	int64_t ms = otherwise_ms;
	if (text && text[0] && strspn(text, "0123456789") == strlen(text))
		ms = strlen(text) > 6 ? PAUSE_MAX_MS : strtoll(text, NULL, 10) * 1000;
	else if (text && strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &when))
		ms = ((int64_t)timegm(&when) - (int64_t)time(NULL)) * 1000;
	return ms < 0 ? 0 : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
}

/* How long to wait before another try; -1: none makes sense. */
static int64_t pause_before(const struct http_reply *reply, enum err e, int tries)
{
	if (e == ERR_NET || e == ERR_TIMEOUT)
		return (int64_t)500 << tries;
	if (e != OK || status_err(reply->status) != ERR_BUSY)
		return -1;
	return pause_wanted(reply, (int64_t)(reply->status == 429 ? 2000 : 500) << tries);
}

enum err registry_ask(struct registry *r, const struct registry_request *q, struct http_reply *out, struct errmsg *em)
{
	bool authorized = false;
	for (int tries = 0;;) {
		unsigned generation = generation_now(r);
		enum err e = ask_once(r, q, out, em);
		if (e == OK && out->status >= 200 && out->status < 300)
			return OK;
		/* Once: what a registry does not take a second time it will not take a third. */
		if (e == OK && out->status == 401 && !authorized && !q->upload) {
			e = authorize_since(r, generation, out, &authorized, em);
			if (e != OK)
				return e;
			continue;
		}
		int64_t pause = q->upload || tries + 1 == TRIES_MAX ? -1 : pause_before(out, e, tries);
		if (pause < 0)
			return e == OK ? status_refuse(r, out, em) : e;
		log_info("registry", "retry", "host=\"%s\" status=%ld result=%s try=%d ms=%lld", r->host, out->status,
			 err_name(e), tries + 1, (long long)pause);
		http_reply_clear(out);
		e = http_pool_pause(r->pool, pause, em);
		if (e != OK)
			return e;
		tries++;
	}
}

/* Docker Hub is reached under another name than it is called. */
static const char *server_of(const struct registry *r)
{
	return strcmp(r->host, "docker.io") == 0 ? "registry-1.docker.io" : r->host;
}

/* Without the port. malloc'd. */
static char *server_host(const struct registry *r)
{
	const char *server = server_of(r);
	const char *closing = strchr(server, ']');
	return strndup(server, closing ? (size_t)(closing + 1 - server) : strcspn(server, ":"));
}

static enum err pool_make(struct registry *r, const struct registry_address *where, const struct image_access *access,
			  struct errmsg *em)
{
	AUTO_REGISTRY_CERTS certs = { 0 };
	AUTO_STR
	char *host = server_host(r);
	enum err e = host ? registry_certs_load(access, r->host, &certs, em) : err_set(em, ERR_NOMEM, "no memory");
	if (e != OK)
		return e;
	bool known = !where->mirror || !access->cert_dir;
	const struct http_pool_options options = {
		.ca_pem = buf_bytes(&certs.ca_pem),
		.client_certificate = known ? buf_bytes(&certs.certificate) : (struct bytes){ NULL, 0 },
		.client_key = known ? certs.key : NULL,
		.client_host = host,
		.insecure = r->insecure,
		.interrupted = access->interrupted,
		.interrupted_user = access->interrupted_user,
	};
	return http_pool_open(&options, &r->pool, em);
}

static enum err base_set(struct registry *r, const char *scheme, struct errmsg *em)
{
	free(r->base);
	if (asprintf(&r->base, "%s://%s", scheme, server_of(r)) >= 0)
		return OK;
	r->base = NULL;
	return err_set(em, ERR_NOMEM, "no memory");
}

/* GET /v2/: whether it is a registry, and what it wants. */
static enum err ping_once(struct registry *r, struct errmsg *em)
{
	AUTO_HTTP_REPLY reply = { 0 };
	const struct registry_request q = { .method = "GET", .what = "/v2/" };
	enum err e = ask_once(r, &q, &reply, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *extension = http_response_header(&reply.head, "x-registry-supports-signatures");
	r->supports_signatures = extension && strcmp(extension, "1") == 0;
	if (reply.status == 401)
		return authorize(r, &reply, em);
	/* 404 and the like: some answer below /v2/NAME/ alone, and those will say what is wrong. */
	return reply.status == 429 || reply.status >= 500 ? status_refuse(r, &reply, em) : OK;
}

static enum err ping(struct registry *r, struct errmsg *em)
{
	for (int tries = 0;; tries++) {
		enum err e = ping_once(r, em);
		/* A host that is not there is rather a mistake than a fault that passes. */
		bool again = e == ERR_BUSY || (!r->insecure && tries < 2 && (e == ERR_NET || e == ERR_TIMEOUT));
		if (!again || tries + 1 == TRIES_MAX)
			return e;
		e = http_pool_pause(r->pool, (int64_t)500 << tries, em);
		if (e != OK)
			return e;
	}
}

static enum err connect_first(struct registry *r, struct errmsg *em)
{
	enum err e = base_set(r, "https", em);
	if (e == OK)
		e = ping(r, em);
	if (!r->insecure || (e != ERR_TLS && e != ERR_NET && e != ERR_PROTO))
		return e;
	e = base_set(r, "http", em);
	return e == OK ? ping(r, em) : e;
}

enum err registry_open(const struct registry_address *where, const struct image_access *access, struct registry **out,
		       struct errmsg *em)
{
	AUTO(registry) *r = calloc(1, sizeof(*r));
	struct image_access own = access ? *access : (struct image_access){ 0 };
	if (!r)
		return err_set(em, ERR_NOMEM, "no memory");
	if (where->mirror)
		own.credentials = NULL;
	atomic_init(&r->users, 1);
	pthread_mutex_init(&r->authorizing, NULL);
	pthread_mutex_init(&r->lock, NULL);
	r->name = strdup(where->name);
	r->host = strdup(where->host);
	r->path = strdup(where->path);
	r->insecure = where->insecure;
	r->push = where->push;
	if (!r->name || !r->host || !r->path)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = pool_make(r, where, &own, em);
	if (e == OK)
		e = auth_find(&own, &(struct auth_scope){ where->name, where->path, where->helpers }, &r->credentials,
			      em);
	if (e == OK)
		e = connect_first(r, em);
	if (e == OK)
		*out = steal(&r);
	return e;
}
