#include "tests/support/http2_peer.h"

#include "tests/support/http_peer_tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

struct http2_peer {
	SSL_CTX *tls;
	char *pem;
	int listening;
	uint16_t port;
	atomic_uint connections;
	atomic_bool stop;
	pthread_t thread;
};

struct asked {
	char path[64];
	size_t sent;
	size_t received;
};

struct connection {
	struct http2_peer *server;
	SSL *tls;
	int fd;
	bool leave;
	struct asked asked[32]; /* by stream */
};

static int choose_protocol(SSL *tls, const unsigned char **out, unsigned char *len, const unsigned char *offered,
			   unsigned offered_len, void *user)
{
	(void)tls;
	(void)offered;
	(void)offered_len;
	(void)user;
	*out = (const unsigned char *)"h2";
	*len = 2;
	return SSL_TLSEXT_ERR_OK;
}

static ssize_t peer_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *user)
{
	struct connection *c = user;
	(void)session;
	(void)flags;
	int n = SSL_write(c->tls, data, (int)len);
	if (n > 0)
		return n;
	return SSL_get_error(c->tls, n) == SSL_ERROR_WANT_WRITE ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static ssize_t body_give(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
			 nghttp2_data_source *source, void *user)
{
	struct asked *a = source->ptr;
	(void)session;
	(void)id;
	(void)user;
	size_t all = strcmp(a->path, "/big") == 0 ? HTTP2_PEER_BIG : HTTP2_PEER_SMALL;
	size_t n = all - a->sent < len ? all - a->sent : len;
	if (n == 0 && strcmp(a->path, "/reset") == 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)((a->sent + i) % 251);
	a->sent += n;
	if (a->sent == all && strcmp(a->path, "/reset") != 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

#define FIELD(name, value)                                                                                             \
	{                                                                                                              \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value), 0            \
	}

static void answer(nghttp2_session *session, int32_t id, struct asked *a, struct connection *c)
{
	static char flood[60000];
	char size[24];
	memset(flood, 'x', sizeof(flood) - 1);
	snprintf(size, sizeof(size), "%zu", a->received);
	const nghttp2_nv plain[] = { FIELD(":status", "200"), FIELD("received", size), FIELD("asked", a->path) };
	const nghttp2_nv much[] = { FIELD(":status", "200"), FIELD("a", flood), FIELD("b", flood) };
	const nghttp2_nv moved[] = { FIELD(":status", "307"), FIELD("location", "/small") };
	nghttp2_data_provider body = { .source = { .ptr = a }, .read_callback = body_give };
	if (strcmp(a->path, "/never") == 0)
		return;
	if (strcmp(a->path, "/flood") == 0)
		nghttp2_submit_response(session, id, much, ARRAY_LEN(much), NULL);
	else if (strcmp(a->path, "/moved") == 0)
		nghttp2_submit_response(session, id, moved, ARRAY_LEN(moved), NULL);
	else if (strcmp(a->path, "/upload") == 0)
		nghttp2_submit_response(session, id, plain, ARRAY_LEN(plain), NULL);
	else
		nghttp2_submit_response(session, id, plain, ARRAY_LEN(plain), &body);
	if (strcmp(a->path, "/bye") == 0)
		nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR, NULL, 0);
	c->leave |= strcmp(a->path, "/gone") == 0;
}

static int peer_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct connection *c = user;
	size_t n = (size_t)frame->hd.stream_id / 2;
	if (n >= ARRAY_LEN(c->asked))
		abort();
	return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &c->asked[n]);
}

static int peer_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
		       const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct asked *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	(void)flags;
	(void)user;
	if (a && name_len == 5 && memcmp(name, ":path", 5) == 0)
		snprintf(a->path, sizeof(a->path), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int peer_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user)
{
	struct asked *a = nghttp2_session_get_stream_user_data(session, id);
	(void)flags;
	(void)user;
	for (size_t i = 0; a && i < len; i++)
		if (data[i] != (uint8_t)((a->received + i) % 251))
			abort();
	if (a)
		a->received += len;
	return 0;
}

static int peer_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct asked *a = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (a && ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
		answer(session, frame->hd.stream_id, a, user);
	return 0;
}

static nghttp2_session *peer_session(struct connection *c)
{
	nghttp2_session *session = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100 } };
	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		abort();
	nghttp2_option_set_max_send_header_block_length(option, 1 << 20); /* for the flood */
	nghttp2_session_callbacks_set_send_callback(callbacks, peer_send);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, peer_begin);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, peer_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, peer_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, peer_frame);
	if (nghttp2_session_server_new2(&session, callbacks, c, option) != 0 ||
	    nghttp2_submit_settings(session, 0, settings, ARRAY_LEN(settings)) != 0)
		abort();
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	return session;
}

static void peer_talk(struct connection *c, nghttp2_session *session)
{
	uint8_t in[16384];
	while (!c->server->stop && !c->leave && nghttp2_session_send(session) == 0 &&
	       (nghttp2_session_want_read(session) || nghttp2_session_want_write(session))) {
		int n = SSL_read(c->tls, in, sizeof(in));
		if (n > 0 && nghttp2_session_mem_recv(session, in, (size_t)n) < 0)
			return;
		int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->tls, n);
		if (n <= 0 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return;
		struct pollfd one = { c->fd, POLLIN, 0 };
		if (n <= 0)
			(void)poll(&one, 1, 5);
	}
}

/* Whatever the client still says: closing on it would take away what is on its way to the client. */
static void peer_linger(struct connection *c)
{
	uint8_t in[16384];
	SSL_shutdown(c->tls);
	while (!c->server->stop) {
		struct pollfd one = { c->fd, POLLIN, 0 };
		if (poll(&one, 1, 20) > 0 && read(c->fd, in, sizeof(in)) <= 0)
			return;
	}
}

static void *connection_run(void *argument)
{
	struct connection *c = argument;
	if (SSL_accept(c->tls) == 1 && fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0) {
		nghttp2_session *session = peer_session(c);
		peer_talk(c, session);
		nghttp2_session_del(session);
		if (!c->leave)
			peer_linger(c);
	}
	SSL_free(c->tls);
	close(c->fd);
	free(c);
	return NULL;
}

static void *server_run(void *argument)
{
	struct http2_peer *s = argument;
	pthread_t threads[16];
	size_t count = 0;
	while (!s->stop && count < ARRAY_LEN(threads)) {
		struct pollfd one = { s->listening, POLLIN, 0 };
		if (poll(&one, 1, 20) <= 0)
			continue;
		struct connection *c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		c->server = s;
		c->fd = accept(s->listening, NULL, NULL);
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		c->tls = SSL_new(s->tls);
		s->connections++;
		if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1 ||
		    pthread_create(&threads[count++], NULL, connection_run, c))
			abort();
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return NULL;
}

struct http2_peer *http2_peer_start(void)
{
	struct http2_peer *s = calloc(1, sizeof(*s));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	if (!s)
		abort();
	s->tls = http_peer_tls_new(HTTP_PEER_TLS, &s->pem);
	SSL_CTX_set_alpn_select_cb(s->tls, choose_protocol, NULL);
	SSL_CTX_set_mode(s->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listening < 0 || bind(s->listening, (struct sockaddr *)&at, len) != 0 || listen(s->listening, 16) != 0 ||
	    getsockname(s->listening, (struct sockaddr *)&at, &len) != 0)
		abort();
	s->port = ntohs(at.sin_port);
	if (pthread_create(&s->thread, NULL, server_run, s) != 0)
		abort();
	return s;
}

void http2_peer_free(struct http2_peer *s)
{
	if (!s)
		return;
	s->stop = true;
	pthread_join(s->thread, NULL);
	close(s->listening);
	SSL_CTX_free(s->tls);
	free(s->pem);
	free(s);
}

uint16_t http2_peer_port(const struct http2_peer *peer)
{
	return peer->port;
}

const char *http2_peer_ca_pem(const struct http2_peer *peer)
{
	return peer->pem;
}

unsigned http2_peer_connections(struct http2_peer *peer)
{
	return peer->connections;
}
