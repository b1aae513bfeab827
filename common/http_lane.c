#include "common/http_lane.h"

#include "common/libctx.h"
#include "common/secret.h"
#include "common/sigpipe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/socket.h>

#define POLL_MS 100 /* how long a wait goes on that is interrupted */
#define SPEED_MIN 1024 /* bytes a second */

void http_wait_begin(struct http_wait *w, const struct http_pool *pool, const struct http_call *call)
{
	*w = (struct http_wait){
		.patience_ms = !call->body           ? pool->stall_ms
			       : call->answer_ms > 0 ? call->answer_ms
						     : 300000,
		.until = deadline_in_ms(call->total_ms > 0 ? call->total_ms : INT64_MAX),
	};
}

enum err http_wait_check(struct http_wait *w, const struct http_pool *pool, const char *origin, int64_t waited_ms,
			 struct errmsg *em)
{
	enum err e = http_pool_goes_on(pool, em);
	if (e == OK && deadline_passed(w->until))
		e = err_set(em, ERR_TIMEOUT, "%s: no whole answer in time", origin);
	w->waited_ms += waited_ms;
	if (e != OK || w->waited_ms < w->patience_ms)
		return e;
	bool stalled = w->moved < (uint64_t)w->waited_ms * SPEED_MIN / 1000;
	w->waited_ms = 0;
	w->moved = 0;
	if (!stalled)
		return OK;
	return err_set(em, ERR_TIMEOUT, "%s: fewer than %d bytes a second for %lld s", origin, SPEED_MIN,
		       (long long)(w->patience_ms / 1000));
}

static size_t spare_take(struct http_lane *l, struct stream_window to)
{
	size_t n = l->spare_len < to.len ? l->spare_len : to.len;
	memcpy(to.data, l->spare + l->spare_at, n);
	l->spare_at += n;
	l->spare_len -= n;
	return n;
}

/* What does not fit the window goes to the spare room while that is empty; then the transfer pauses. */
static size_t on_body(char *data, size_t size, size_t count, void *user)
{
	struct http_lane *l = user;
	size_t len = size * count;
	size_t room = l->window.len - l->got;
	if (len == 0)
		return 0;
	if (len > room && l->spare_len > 0) {
		l->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	size_t n = len < room ? len : room;
	if (len - n > CURL_MAX_WRITE_SIZE)
		return 0;
	if (n)
		memcpy(l->window.data + l->got, data, n);
	l->got += n;
	if (len > n) {
		memcpy(l->spare, data + n, len - n);
		l->spare_at = 0;
		l->spare_len = len - n;
	}
	l->wait.moved += len;
	return len;
}

static size_t on_header(char *data, size_t size, size_t count, void *user)
{
	struct http_lane *l = user;
	l->wait.moved += size * count;
	if (!l->head.response)
		return size * count; /* trailers */
	return http_exchange_header(data, size, count, &l->head);
}

static size_t on_upload(char *to, size_t size, size_t count, void *user)
{
	struct http_lane *l = user;
	size_t got = 0;
	l->upload_failed =
		stream_read(l->upload, (struct stream_window){ (uint8_t *)to, size * count }, &got, &l->upload_why);
	l->wait.moved += got;
	return l->upload_failed == OK ? got : CURL_READFUNC_ABORT;
}

/* A firewall that silently dropped a connection must not cost a whole request. */
static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
	unsigned int wait = 20000;
	(void)user;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait, sizeof wait);
	return CURL_SOCKOPT_OK;
}

enum err http_lane_new(struct http_pool *pool, struct http_lane **out, struct errmsg *em)
{
	struct http_lane *l = calloc(1, sizeof(*l));
	if (!l)
		return err_nomem(em, "a connection");
	l->pool = pool;
	l->spare = malloc(CURL_MAX_WRITE_SIZE);
	struct libctx_guard guard = libctx_enter();
	l->multi = curl_multi_init();
	l->easy = curl_easy_init();
	libctx_leave(guard);
	if (l->spare && l->multi && l->easy) {
		*out = l;
		return OK;
	}
	http_lane_free(l);
	return err_nomem(em, "a connection");
}

void http_lane_stop(struct http_lane *l)
{
	struct libctx_guard guard = libctx_enter();
	struct sigpipe_guard pipe = sigpipe_block();
	if (l->running)
		curl_multi_remove_handle(l->multi, l->easy);
	l->running = false;
	curl_easy_reset(l->easy);
	sigpipe_unblock(&pipe);
	libctx_leave(guard);
	http_headers_free(l->headers);
	l->headers = NULL;
	l->upload = NULL;
	l->head.response = NULL;
}

void http_lane_free(struct http_lane *l)
{
	if (!l)
		return;
	if (l->easy)
		http_lane_stop(l);
	struct libctx_guard guard = libctx_enter();
	struct sigpipe_guard pipe = sigpipe_block();
	curl_easy_cleanup(l->easy);
	curl_multi_cleanup(l->multi);
	sigpipe_unblock(&pipe);
	libctx_leave(guard);
	if (l->spare)
		secret_wipe(l->spare, CURL_MAX_WRITE_SIZE);
	free(l->spare);
	free(l);
}

static bool set_callbacks(struct http_lane *l)
{
	CURL *c = l->easy;
	return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, l->reason) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PRIVATE, l) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, l) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, l) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 131072L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 131072L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)l->pool->connect_ms) == CURLE_OK;
}

/* Proxies: what https_proxy, http_proxy, all_proxy and no_proxy name, only to other machines, and never in a setuid
 * program, whose environment is somebody else's. */
static bool set_protocol(const struct http_lane *l)
{
	CURL *c = l->easy;
	bool direct = l->target.loopback || getauxval(AT_SECURE);
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, l->target.plain ? "http" : "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "kbs-pkcs11") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	       (!direct || curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK);
}

static bool set_blob(CURL *c, CURLoption option, struct bytes pem)
{
	struct curl_blob blob = { (void *)(uintptr_t)pem.data, pem.len, CURL_BLOB_NOCOPY };
	return pem.len == 0 || curl_easy_setopt(c, option, &blob) == CURLE_OK;
}

/* The folder of the system's certificates stays set beside a PEM text. */
static bool set_tls(const struct http_lane *l)
{
	CURL *c = l->easy;
	const struct http_pool *p = l->pool;
	/* Redirects lead anywhere: who we are is nobody else's business. */
	bool known = !p->client_host || strcasecmp(p->client_host, l->target.host) == 0;
	return curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, p->insecure ? 0L : 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, p->insecure ? 0L : 2L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       set_blob(c, CURLOPT_CAINFO_BLOB, buf_bytes(&p->ca_pem)) &&
	       (!known || set_blob(c, CURLOPT_SSLCERT_BLOB, buf_bytes(&p->client_certificate))) &&
	       (!known || set_blob(c, CURLOPT_SSLKEY_BLOB, secret_bytes(p->client_key)));
}

static bool set_method(struct http_lane *l, const struct http_call *call)
{
	CURL *c = l->easy;
	if (strcmp(call->method, "GET") == 0)
		return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (strcmp(call->method, "HEAD") == 0)
		return curl_easy_setopt(c, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (!call->body)
		return curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_POSTFIELDS, "") == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0) == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
	l->upload = call->body;
	return curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_size) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READFUNCTION, on_upload) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READDATA, l) == CURLE_OK;
}

bool http_value_is_clean(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 0x20 || value.data[i] == 0x7f)
			return false;
	return value.len > 0;
}

static enum err add_authorization(struct http_lane *l, const struct secret *authorization, struct errmsg *em)
{
	static const char name[] = "Authorization: ";
	AUTO(secret) *line = NULL;
	struct bytes value = secret_bytes(authorization);
	if (!http_value_is_clean(value))
		return err_set(em, ERR_ARG, "credentials that no header can carry");
	enum err e = secret_new(sizeof(name) + value.len, &line, em);
	if (e != OK)
		return e;
	memcpy(secret_data(line), name, sizeof(name) - 1);
	memcpy(secret_data(line) + sizeof(name) - 1, value.data, value.len);
	struct curl_slist *longer = curl_slist_append(l->headers, (char *)secret_data(line));
	if (!longer)
		return err_nomem(em, "a request");
	l->headers = longer;
	return OK;
}

static enum err headers_set(struct http_lane *l, const struct http_hop *hop, struct errmsg *em)
{
	const struct http_request names = { .headers = hop->call->headers, .header_count = hop->call->header_count };
	enum err e = http_headers_build(&names, &l->headers, em);
	if (e == OK && hop->authorized)
		e = add_authorization(l, hop->call->authorization, em);
	if (e == OK && curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers) != CURLE_OK)
		e = err_nomem(em, "a request");
	return e;
}

static enum err prepare(struct http_lane *l, const struct http_hop *hop, struct errmsg *em)
{
	http_lane_stop(l);
	enum err e = http_target_parse(hop->url, &l->target, em);
	if (e != OK)
		return e;
	if (l->target.plain && !l->pool->insecure)
		return err_set(em, ERR_ARG, "%s: http:// is not allowed", l->target.origin);
	l->done = l->paused = false;
	l->window = (struct stream_window){ NULL, 0 };
	l->got = l->spare_len = 0;
	http_wait_begin(&l->wait, l->pool, hop->call);
	l->upload_failed = OK;
	l->reason[0] = '\0';
	l->head = (struct http_exchange){ .response = hop->head };
	if (!set_callbacks(l) || !set_protocol(l) || !set_tls(l) || !set_method(l, hop->call) ||
	    curl_easy_setopt(l->easy, CURLOPT_URL, hop->url) != CURLE_OK)
		return err_set(em, ERR_INTERNAL, "this libcurl lacks an option");
	return headers_set(l, hop, em);
}

/* A connection that breaks while TLS begins says nothing of who is at its other end. */
static bool tls_broke_off(const struct http_lane *l)
{
	long system_error = 0;
	curl_easy_getinfo(l->easy, CURLINFO_OS_ERRNO, &system_error);
	return system_error == ECONNRESET || system_error == EPIPE;
}

/* What libcurl says may quote the peer. */
static const char *reason_clean(struct http_lane *l)
{
	if (!l->reason[0])
		snprintf(l->reason, sizeof l->reason, "%s", curl_easy_strerror(l->result));
	for (char *c = l->reason; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	return l->reason;
}

static enum err map_error(struct http_lane *l, struct errmsg *em)
{
	const char *origin = l->target.origin;
	const char *reason = reason_clean(l);
	switch (l->result) {
	case CURLE_OUT_OF_MEMORY:
		return err_set(em, ERR_NOMEM, "%s: no memory", origin);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return err_set(em, tls_broke_off(l) ? ERR_NET : ERR_TLS, "%s: TLS: %s", origin, reason);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(em, ERR_CONFIG, "%s: CA certificates: %s", origin, reason);
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return err_set(em, ERR_NET, "%s: no connection: %s", origin, reason);
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return err_set(em, ERR_NET, "%s: the connection broke: %s", origin, reason);
	default:
		return err_set(em, ERR_PROTO, "%s: no valid HTTP answer: %s", origin, reason);
	}
}

static enum err outcome(struct http_lane *l, struct errmsg *em)
{
	if (l->upload_failed != OK)
		return err_set(em, l->upload_failed, "%s", l->upload_why.text);
	if (l->head.failed == ERR_LIMIT)
		return err_set(em, ERR_LIMIT, "%s: too long a header", l->target.origin);
	if (l->head.failed != OK)
		return err_set(em, l->head.failed, "%s: no memory for the answer", l->target.origin);
	return l->result == CURLE_OK ? OK : map_error(l, em);
}

static bool lane_has_bytes(const struct http_lane *l)
{
	return l->got > 0 || l->spare_len > 0;
}

/* Until a byte of the body is there, or the end. */
static enum err lane_drive(struct http_lane *l, struct errmsg *em)
{
	enum err e = OK;
	while (e == OK && !l->done && !lane_has_bytes(l)) {
		int running = 0;
		int left = 0;
		if (curl_multi_perform(l->multi, &running) != CURLM_OK)
			return err_set(em, ERR_INTERNAL, "libcurl cannot go on");
		for (CURLMsg *m = curl_multi_info_read(l->multi, &left); m; m = curl_multi_info_read(l->multi, &left)) {
			if (m->msg != CURLMSG_DONE)
				continue;
			l->done = true;
			l->result = m->data.result;
		}
		if (l->done || lane_has_bytes(l))
			break;
		int64_t begin = monotonic_ms();
		if (curl_multi_poll(l->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
			return err_set(em, ERR_INTERNAL, "libcurl cannot wait");
		e = http_wait_check(&l->wait, l->pool, l->target.origin, monotonic_ms() - begin, em);
	}
	return e;
}

static enum err lane_run(struct http_lane *l, struct errmsg *em)
{
	struct libctx_guard guard = libctx_enter();
	struct sigpipe_guard pipe = sigpipe_block();
	enum err e = OK;
	if (l->paused) {
		l->paused = false;
		if (curl_easy_pause(l->easy, CURLPAUSE_CONT) != CURLE_OK)
			e = err_set(em, ERR_NET, "%s: the connection broke", l->target.origin);
	}
	if (e == OK)
		e = lane_drive(l, em);
	sigpipe_unblock(&pipe);
	libctx_leave(guard);
	if (e == OK && l->done && !lane_has_bytes(l))
		e = outcome(l, em);
	l->failed = e != OK;
	return e;
}

enum err http_lane_begin(struct http_lane *l, const struct http_hop *hop, struct errmsg *em)
{
	enum err e = prepare(l, hop, em);
	if (e != OK)
		return e;
	if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		return err_nomem(em, "a request");
	l->running = true;
	e = lane_run(l, em);
	if (e == OK)
		curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &hop->head->status);
	return e;
}

static CURLcode on_tls(CURL *easy, void *context, void *user)
{
	static const unsigned char names[] = "\x02h2\x08http/1.1";
	(void)easy;
	(void)user;
	return SSL_CTX_set_alpn_protos(context, names, sizeof(names) - 1) == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* libcurl must not know what was agreed upon: it would begin to speak HTTP/2 itself, and its curl_easy_recv() would
 * fall over that. */
static bool set_connect_only(CURL *c)
{
	return curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK;
}

enum err http_lane_connect(struct http_lane *l, const char *url, struct errmsg *em)
{
	const struct http_call call = { .method = "GET" };
	AUTO_HTTP_RESPONSE none = { 0 };
	const struct http_hop hop = { .call = &call, .url = url, .head = &none };
	enum err e = prepare(l, &hop, em);
	if (e == OK && !set_connect_only(l->easy))
		e = err_set(em, ERR_INTERNAL, "this libcurl lacks an option");
	if (e == OK && curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		e = err_nomem(em, "a request");
	if (e != OK)
		return e;
	l->running = true;
	e = lane_run(l, em);
	l->head.response = NULL;
	return e;
}

enum err http_lane_read(struct http_lane *l, struct stream_window to, size_t *got, struct errmsg *em)
{
	*got = 0;
	if (l->spare_len > 0) {
		*got = spare_take(l, to);
		return OK;
	}
	l->window = to;
	l->got = 0;
	enum err e = lane_run(l, em);
	l->window = (struct stream_window){ NULL, 0 };
	*got = l->got;
	l->got = 0;
	/* The window was too small for what came at once. */
	if (e == OK && *got == 0 && l->spare_len > 0)
		*got = spare_take(l, to);
	return e;
}
