#include "common/http2_link_private.h"

#include "common/secret.h"

#include <ctype.h>
#include <stdio.h>

#define NAMES_MAX 16
#define WAIT_STEP_MS 100

/* --- what nghttp2 calls ------------------------------------------------------------------------------------------- */

static struct http2_exchange *exchange_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* Fields as HTTP/1.1 would have them, so that one place keeps and bounds both. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		     const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_exchange *x = exchange_of(session, frame->hd.stream_id);
	AUTO_STR
	char *line = NULL;
	(void)flags;
	(void)user;
	if (!x || x->headers_done) /* trailers */
		return 0;
	bool status = name_len == 7 && memcmp(name, ":status", 7) == 0;
	if (status)
		x->response.status = strtol((const char *)value, NULL, 10); /* three digits: nghttp2 has checked */
	int n = status ? asprintf(&line, "HTTP/2 %ld", x->response.status)
		       : asprintf(&line, "%.*s: %.*s", (int)name_len, name, (int)value_len, value);
	if (n < 0) {
		line = NULL;
		x->head.failed = ERR_NOMEM;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	x->wait.moved += (uint64_t)n;
	return http_exchange_header(line, 1, (size_t)n, &x->head) == (size_t)n ? 0
									       : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_exchange *x = exchange_of(session, frame->hd.stream_id);
	(void)user;
	if (!x)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && x->response.status >= 200)
		x->headers_done = true;
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		x->ended = x->headers_done;
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct http2_exchange *x = exchange_of(session, id);
	(void)flags;
	(void)user;
	nghttp2_session_consume_connection(session, len);
	if (!x)
		return 0;
	/* nghttp2 keeps peers to their window, which is what there is room for. */
	if (len > HTTP2_WINDOW - x->len)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	x->wait.moved += len;
	for (size_t done = 0; done < len;) {
		size_t to = (x->at + x->len) % HTTP2_WINDOW;
		size_t n = len - done < HTTP2_WINDOW - to ? len - done : HTTP2_WINDOW - to;
		memcpy(x->ring + to, data + done, n);
		x->len += n;
		done += n;
	}
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t reason, void *user)
{
	struct http2_exchange *x = exchange_of(session, id);
	struct http2_link *link = user;
	link->http1 |= reason == NGHTTP2_HTTP_1_1_REQUIRED;
	if (!x)
		return 0;
	x->closed = true;
	x->reason = reason;
	return 0;
}

bool http2_callbacks_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	return true;
}

static ssize_t upload_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
			   nghttp2_data_source *source, void *user)
{
	struct http2_exchange *x = exchange_of(session, id);
	struct http2_upload *u = x ? x->upload : NULL;
	struct http2_link *link = user;
	(void)source;
	if (!u)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t n = u->len - u->at < len ? u->len - u->at : len;
	memcpy(to, u->chunk + u->at, n);
	u->at += n;
	x->wait.moved += n;
	if (u->at == u->len)
		pthread_cond_broadcast(&link->changed);
	if (n == 0 && !u->end) {
		u->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (u->end && u->at == u->len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* --- the request -------------------------------------------------------------------------------------------------- */

/* Names and values; the strings live as long as this. */
struct fields {
	nghttp2_nv nv[NAMES_MAX];
	size_t count;
	char *names[NAMES_MAX]; /* lower case; malloc'd */
	char *url; /* malloc'd */
};

static void fields_clear(struct fields *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->names[i]);
	free(f->url);
}

static enum err field_add(struct fields *f, const char *name, struct bytes value, struct errmsg *em)
{
	char *lower = f->count < NAMES_MAX ? strdup(name) : NULL;
	if (!lower)
		return err_nomem(em, "a request");
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	f->names[f->count] = lower;
	/* Credentials are not to be remembered by the compression. */
	uint8_t flags = strcmp(lower, "authorization") == 0 ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
	f->nv[f->count++] =
		(nghttp2_nv){ (uint8_t *)lower, (uint8_t *)(uintptr_t)value.data, strlen(lower), value.len, flags };
	return OK;
}

/* "https://host/path?query" as http_url_resolve() writes it: what stands before the path, and from there on. */
static enum err url_split(const char *url, struct bytes *authority, struct bytes *path, struct errmsg *em)
{
	const char *begin = strstr(url, "://");
	const char *slash = begin ? strchr(begin + 3, '/') : NULL;
	if (!slash)
		return err_set(em, ERR_ARG, "not a URL of the form https://host[:port]/path");
	*authority = (struct bytes){ (const uint8_t *)begin + 3, (size_t)(slash - begin) - 3 };
	*path = bytes_str(slash);
	return OK;
}

static enum err fields_make(const struct http_hop *hop, const char *size, struct fields *f, struct errmsg *em)
{
	const struct http_call *call = hop->call;
	struct bytes authority = { NULL, 0 }, path = { NULL, 0 };
	/* URLs have several spellings, "https:/host?query": all of them mean here what libcurl makes of them. */
	enum err e = http_url_resolve(hop->url, hop->url, &f->url, em);
	if (e == OK)
		e = url_split(f->url, &authority, &path, em);
	if (e == OK)
		e = field_add(f, ":method", bytes_str(call->method), em);
	if (e == OK)
		e = field_add(f, ":scheme", bytes_str("https"), em);
	if (e == OK)
		e = field_add(f, ":authority", authority, em);
	if (e == OK)
		e = field_add(f, ":path", path, em);
	if (e == OK)
		e = field_add(f, "user-agent", bytes_str("kbs-pkcs11"), em);
	for (size_t i = 0; e == OK && i < call->header_count; i++) {
		if (!http_header_is_clean(&call->headers[i]))
			return err_set(em, ERR_ARG, "a request header that is empty or has a line end in it");
		e = field_add(f, call->headers[i].name, bytes_str(call->headers[i].value), em);
	}
	if (e == OK && *size)
		e = field_add(f, "content-length", bytes_str(size), em);
	if (e != OK || !hop->authorized)
		return e;
	if (!http_value_is_clean(secret_bytes(call->authorization)))
		return err_set(em, ERR_ARG, "credentials that no header can carry");
	return field_add(f, "authorization", secret_bytes(call->authorization), em);
}

static enum err request_submit(struct http2_exchange *x, const struct http_hop *hop, struct errmsg *em)
{
	const struct http_call *call = hop->call;
	struct fields f = { .count = 0 };
	nghttp2_data_provider provider = { .read_callback = upload_read };
	char size[24] = "";
	bool reads = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
	if (!reads && (!call->body || call->body_size >= 0))
		snprintf(size, sizeof(size), "%lld", call->body ? (long long)call->body_size : 0LL);
	enum err e = fields_make(hop, size, &f, em);
	if (e == OK) {
		pthread_mutex_lock(&x->link->lock);
		x->id = nghttp2_submit_request(x->link->session, NULL, f.nv, f.count, call->body ? &provider : NULL, x);
		pthread_mutex_unlock(&x->link->lock);
		if (x->id < 0)
			e = err_set(em, ERR_NET, "%s: the connection takes no more requests",
				    x->link->lane->target.origin);
		http2_link_wake(x->link);
	}
	fields_clear(&f);
	return e;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static enum err failure_locked(const struct http2_exchange *x, struct errmsg *em)
{
	const char *origin = x->link->lane->target.origin;
	if (x->head.failed == ERR_LIMIT)
		return err_set(em, ERR_LIMIT, "%s: too long a header", origin);
	if (x->head.failed != OK)
		return err_nomem(em, "the answer");
	if (x->closed && !x->ended)
		return err_set(em, ERR_NET, "%s: the answer broke off: %s", origin, nghttp2_http2_strerror(x->reason));
	if (x->link->failed != OK && !x->ended)
		return err_set(em, x->link->failed, "%s", x->link->why.text);
	return OK;
}

/* Until `done` says so. */
static enum err await_locked(struct http2_exchange *x, bool (*done)(const struct http2_exchange *x), struct errmsg *em)
{
	enum err e = OK;
	while (e == OK && !done(x)) {
		e = failure_locked(x, em);
		if (e != OK)
			break;
		int64_t begin = monotonic_ms();
		struct timespec until = deadline_timespec(deadline_in_ms(WAIT_STEP_MS));
		pthread_cond_timedwait(&x->link->changed, &x->link->lock, &until);
		e = http_wait_check(&x->wait, x->link->lane->pool, x->link->lane->target.origin, monotonic_ms() - begin,
				    em);
	}
	return e;
}

static bool answer_began(const struct http2_exchange *x)
{
	return x->headers_done;
}

static bool answer_has_bytes(const struct http2_exchange *x)
{
	return x->len > 0 || x->ended;
}

static bool upload_has_room(const struct http2_exchange *x)
{
	return x->headers_done || x->upload->at == x->upload->len;
}

/* The body goes up a chunk at a time, in the caller's own time; an answer that comes before its end ends it. */
static enum err upload_run(struct http2_exchange *x, struct stream *body, struct errmsg *em)
{
	struct http2_upload *u = x->upload;
	enum err e = OK;
	while (e == OK && !u->end) {
		pthread_mutex_lock(&x->link->lock);
		e = await_locked(x, upload_has_room, em);
		bool answered = x->headers_done;
		pthread_mutex_unlock(&x->link->lock);
		if (e != OK || answered)
			return e;
		/* The chunk is empty: nobody but us touches it. */
		size_t got = 0;
		e = stream_read(body, (struct stream_window){ u->chunk, sizeof(u->chunk) }, &got, em);
		if (e != OK)
			return e;
		pthread_mutex_lock(&x->link->lock);
		u->at = 0;
		u->len = got;
		u->end = got == 0;
		if (u->deferred)
			nghttp2_session_resume_data(x->link->session, x->id);
		u->deferred = false;
		pthread_mutex_unlock(&x->link->lock);
		http2_link_wake(x->link);
	}
	return e;
}

void http2_exchange_free(struct http2_exchange *x)
{
	if (!x)
		return;
	pthread_mutex_lock(&x->link->lock);
	if (x->id > 0 && !x->closed) {
		nghttp2_session_set_stream_user_data(x->link->session, x->id, NULL);
		nghttp2_submit_rst_stream(x->link->session, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_CANCEL);
	}
	pthread_mutex_unlock(&x->link->lock);
	http2_link_wake(x->link);
	http2_link_free(x->link);
	http_response_clear(&x->response);
	/* Tokens go up and come down. */
	if (x->upload)
		secret_wipe(x->upload, sizeof(*x->upload));
	if (x->ring)
		secret_wipe(x->ring, HTTP2_WINDOW);
	free(x->upload);
	free(x->ring);
	free(x);
}
AUTO_DEFINE(http2_exchange)

static struct http2_exchange *exchange_new(struct http2_link *link, const struct http_call *call)
{
	struct http2_exchange *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->link = http2_link_share(link);
	x->head.response = &x->response;
	http_wait_begin(&x->wait, link->lane->pool, call);
	x->ring = malloc(HTTP2_WINDOW);
	x->upload = call->body ? calloc(1, sizeof(*x->upload)) : NULL;
	if (x->ring && (!call->body || x->upload))
		return x;
	http2_exchange_free(x);
	return NULL;
}

enum err http2_exchange_begin(struct http2_link *link, const struct http_hop *hop, struct http2_exchange **out,
			      struct errmsg *em)
{
	AUTO(http2_exchange) *x = exchange_new(link, hop->call);
	if (!x)
		return err_nomem(em, "a request");
	enum err e = request_submit(x, hop, em);
	if (e == OK && hop->call->body)
		e = upload_run(x, hop->call->body, em);
	if (e != OK)
		return e;
	pthread_mutex_lock(&link->lock);
	e = await_locked(x, answer_began, em);
	*hop->head = x->response;
	x->response = (struct http_response){ 0 };
	pthread_mutex_unlock(&link->lock);
	if (e == OK)
		*out = steal(&x);
	return e;
}

enum err http2_exchange_read(struct http2_exchange *x, struct stream_window to, size_t *got, struct errmsg *em)
{
	pthread_mutex_lock(&x->link->lock);
	enum err e = await_locked(x, answer_has_bytes, em);
	size_t n = HTTP2_WINDOW - x->at < x->len ? HTTP2_WINDOW - x->at : x->len;
	*got = e != OK ? 0 : n < to.len ? n : to.len;
	if (*got > 0) {
		memcpy(to.data, x->ring + x->at, *got);
		x->at = (x->at + *got) % HTTP2_WINDOW;
		x->len -= *got;
		if (!x->closed)
			nghttp2_session_consume_stream(x->link->session, x->id, *got);
	}
	pthread_mutex_unlock(&x->link->lock);
	if (*got > 0)
		http2_link_wake(x->link);
	return e;
}
