#include "common/http2_link.h"

#include "common/http2_link_private.h"
#include "common/libctx.h"
#include "common/secret.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>

#define CONNECTION_WINDOW (16 << 20)
#define BUFFER_SIZE ((size_t)64 << 10)
#define HEADER_LIST_MAX 65536

void http2_link_wake(struct http2_link *link)
{
	const uint64_t one = 1;
	(void)!write(link->wake, &one, sizeof(one));
}

struct http2_link *http2_link_share(struct http2_link *link)
{
	atomic_fetch_add(&link->users, 1);
	return link;
}

static void link_clear(struct http2_link *link)
{
	nghttp2_session_del(link->session);
	http_lane_free(link->lane);
	if (link->wake >= 0)
		close(link->wake);
	pthread_cond_destroy(&link->changed);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

void http2_link_free(struct http2_link *link)
{
	if (!link || atomic_fetch_sub(&link->users, 1) != 1)
		return;
	pthread_mutex_lock(&link->lock);
	link->stop = true;
	pthread_mutex_unlock(&link->lock);
	http2_link_wake(link);
	pthread_join(link->thread, NULL);
	link_clear(link);
}

bool http2_link_usable(struct http2_link *link, bool *http1)
{
	pthread_mutex_lock(&link->lock);
	*http1 = link->http1;
	bool usable = link->failed == OK && !link->http1 && nghttp2_session_check_request_allowed(link->session);
	pthread_mutex_unlock(&link->lock);
	return usable;
}

/* What is on its way between the session and the connection; the thread's. */
struct moving {
	uint8_t out[BUFFER_SIZE];
	size_t at, len;
	uint8_t in[BUFFER_SIZE];
};

static void link_fail(struct http2_link *link, enum err e, const char *why)
{
	pthread_mutex_lock(&link->lock);
	if (link->failed == OK)
		link->failed = err_set(&link->why, e, "%s: %s", link->lane->target.origin, why);
	pthread_cond_broadcast(&link->changed);
	pthread_mutex_unlock(&link->lock);
}

/* What the session has to say: as much as fits. False: nothing will come of this link any more. */
static bool out_fill(struct http2_link *link, struct moving *m)
{
	bool good = true;
	pthread_mutex_lock(&link->lock);
	if (m->at == m->len)
		m->at = m->len = 0;
	/* A frame of DATA has 16 KiB at most. */
	while (good && BUFFER_SIZE - m->len > 17000) {
		const uint8_t *data = NULL;
		ssize_t n = nghttp2_session_mem_send(link->session, &data);
		good = n >= 0 && (size_t)n <= BUFFER_SIZE - m->len;
		if (!good || n == 0)
			break;
		memcpy(m->out + m->len, data, (size_t)n);
		m->len += (size_t)n;
	}
	good = good && !link->stop &&
	       (m->len > m->at || nghttp2_session_want_read(link->session) ||
		nghttp2_session_want_write(link->session));
	pthread_mutex_unlock(&link->lock);
	return good;
}

static bool out_move(struct http2_link *link, struct moving *m, bool *moved)
{
	while (m->at < m->len) {
		size_t n = 0;
		CURLcode code = curl_easy_send(link->lane->easy, m->out + m->at, m->len - m->at, &n);
		if (code == CURLE_AGAIN)
			return true;
		if (code != CURLE_OK)
			return false;
		m->at += n;
		*moved = true;
	}
	return true;
}

static bool in_take(struct http2_link *link, struct bytes part)
{
	pthread_mutex_lock(&link->lock);
	ssize_t n = nghttp2_session_mem_recv(link->session, part.data, part.len);
	pthread_cond_broadcast(&link->changed);
	pthread_mutex_unlock(&link->lock);
	return n == (ssize_t)part.len;
}

static bool in_move(struct http2_link *link, struct moving *m, bool *moved)
{
	size_t n = 0;
	CURLcode code = curl_easy_recv(link->lane->easy, m->in, sizeof(m->in), &n);
	if (code == CURLE_AGAIN)
		return true;
	if (code != CURLE_OK || n == 0)
		return false;
	*moved = true;
	return in_take(link, (struct bytes){ m->in, n });
}

static void link_wait(struct http2_link *link, const struct moving *m)
{
	struct pollfd both[] = { { .fd = link->fd, .events = POLLIN }, { .fd = link->wake, .events = POLLIN } };
	uint64_t count;
	if (m->at < m->len)
		both[0].events |= POLLOUT;
	(void)poll(both, ARRAY_LEN(both), 1000);
	(void)!read(link->wake, &count, sizeof(count));
}

static void *link_run(void *argument)
{
	struct http2_link *link = argument;
	struct moving *m = calloc(1, sizeof(*m));
	struct libctx_guard guard = libctx_enter();
	bool good = m != NULL;
	while (good) {
		bool moved = false;
		good = out_fill(link, m) && out_move(link, m, &moved) && in_move(link, m, &moved);
		if (good && !moved)
			link_wait(link, m);
	}
	libctx_leave(guard);
	if (m)
		secret_wipe(m, sizeof(*m));
	free(m);
	link_fail(link, ERR_NET, "the connection broke");
	return NULL;
}

static bool session_make(struct http2_link *link)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
	};
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	bool good = nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0;
	if (good) {
		/* A window opens as its answer is read. */
		nghttp2_option_set_no_auto_window_update(option, 1);
		good = http2_callbacks_set(callbacks) &&
		       nghttp2_session_client_new2(&link->session, callbacks, link, option) == 0 &&
		       nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) == 0 &&
		       nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) ==
			       0;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return good;
}

/* Which protocol was agreed upon. libcurl tells of the TLS connection only once something was read from it. *first:
 * what that was. */
static bool lane_speaks_http2(struct http_lane *lane, struct buf *first)
{
	struct curl_tlssessioninfo *info = NULL;
	const unsigned char *name = NULL;
	unsigned len = 0;
	CURLcode code = buf_reserve(first, BUFFER_SIZE, NULL) == OK
				? curl_easy_recv(lane->easy, first->data, BUFFER_SIZE, &first->len)
				: CURLE_OUT_OF_MEMORY;
	if ((code != CURLE_OK && code != CURLE_AGAIN) ||
	    curl_easy_getinfo(lane->easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info || !info->internals ||
	    info->backend != CURLSSLBACKEND_OPENSSL)
		return false;
	SSL_get0_alpn_selected(info->internals, &name, &len);
	return len == 2 && memcmp(name, "h2", 2) == 0;
}

/* Signals are for the threads of whoever called us. */
static int thread_start(struct http2_link *link)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int failed = pthread_create(&link->thread, NULL, link_run, link);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

/* Takes the lane, also on failure. */
static enum err link_make(struct http_lane *lane, struct bytes first, struct http2_link **out, struct errmsg *em)
{
	struct http2_link *link = calloc(1, sizeof(*link));
	curl_socket_t fd = CURL_SOCKET_BAD;
	if (!link) {
		http_lane_free(lane);
		return err_nomem(em, "a connection");
	}
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&link->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_init(&link->lock, NULL);
	atomic_init(&link->users, 1);
	link->lane = lane;
	link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool good = link->wake >= 0 && curl_easy_getinfo(lane->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
		    fd != CURL_SOCKET_BAD && session_make(link);
	link->fd = fd;
	if (good && first.len > 0 && !in_take(link, first)) {
		link_clear(link);
		return err_set(em, ERR_PROTO, "the server does not speak HTTP/2 after all");
	}
	if (good && thread_start(link) == 0) {
		*out = link;
		return OK;
	}
	link_clear(link);
	return err_nomem(em, "a connection");
}

enum err http2_link_open(struct http_pool *pool, const char *url, struct http2_link **out, struct errmsg *em)
{
	struct http_lane *lane = NULL;
	AUTO_BUF
	first = { 0 };
	*out = NULL;
	enum err e = http_lane_new(pool, &lane, em);
	if (e == OK)
		e = http_lane_connect(lane, url, em);
	if (e == OK) {
		struct libctx_guard guard = libctx_enter();
		bool http2 = lane_speaks_http2(lane, &first);
		libctx_leave(guard);
		if (http2)
			return link_make(lane, buf_bytes(&first), out, em);
	}
	http_lane_free(lane);
	return e;
}
