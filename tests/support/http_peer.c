#include "tests/support/http_peer.h"

#include "common/deadline.h"
#include "tests/support/http_peer_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 256, REQUESTS_KEPT = 256, HEAD_MAX = 256 * 1024 };

struct connection {
	struct http_peer *peer;
	pthread_t thread;
	int fd;
	SSL *tls;
};

struct http_peer {
	struct http_peer_options options;
	SSL_CTX *tls;
	char *ca_pem;
	char url[64];
	uint16_t port;
	int listener;
	int wake[2]; /* a byte here ends all */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	struct connection connections[CONNECTIONS_MAX];
	unsigned accepted;
	unsigned closed;
	unsigned requests;
	struct http_peer_request *kept[REQUESTS_KEPT];
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "http_peer: %s: %s\n", what, strerror(errno));
	abort();
}

static bool wait_for(struct connection *c, short events)
{
	struct pollfd fds[2] = { { c->fd, events, 0 }, { c->peer->wake[0], POLLIN, 0 } };
	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return fds[1].revents == 0;
}

static ssize_t take(struct connection *c, void *to, size_t cap)
{
	if ((!c->tls || SSL_pending(c->tls) == 0) && !wait_for(c, POLLIN))
		return -1;
	return c->tls ? SSL_read(c->tls, to, (int)cap) : recv(c->fd, to, cap, 0);
}

static bool give(struct connection *c, const char *from, size_t len)
{
	while (len) {
		if (!wait_for(c, POLLOUT))
			return false;
		ssize_t n = c->tls ? SSL_write(c->tls, from, (int)len) : send(c->fd, from, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return true;
}

char *http_peer_request_header(const struct http_peer_request *r, const char *name)
{
	const char *line = strstr((const char *)r->head.data, "\r\n");
	for (; line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
			line += strlen(name) + 1;
			line += strspn(line, " ");
			return strndup(line, strcspn(line, "\r"));
		}
	}
	return NULL;
}

static void request_free(struct http_peer_request *r)
{
	if (!r)
		return;
	buf_clear(&r->head);
	buf_clear(&r->body);
	free(r);
}

static bool add(struct buf *to, const void *from, size_t len)
{
	must(buf_append(to, (struct bytes){ from, len }, 0, NULL) == OK && buf_cstr(to), "memory");
	return true;
}

/* One request off the connection; NULL at its end. */
static struct http_peer_request *request_read(struct connection *c, struct buf *ahead)
{
	char chunk[16384];
	struct http_peer_request *r = calloc(1, sizeof *r);
	must(r != NULL, "memory");
	char *end = NULL;
	while (!(end = ahead->len ? memmem(ahead->data, ahead->len, "\r\n\r\n", 4) : NULL)) {
		ssize_t n = take(c, chunk, sizeof chunk);
		if (n <= 0 || ahead->len > HEAD_MAX) {
			request_free(r);
			return NULL;
		}
		add(ahead, chunk, (size_t)n);
		/* As servers do for what is no HTTP: TLS to a plain port, for one. */
		if (ahead->data[0] < 'A' || ahead->data[0] > 'Z') {
			give(c, "HTTP/1.1 400 Bad Request\r\n\r\n", strlen("HTTP/1.1 400 Bad Request\r\n\r\n"));
			request_free(r);
			return NULL;
		}
	}
	size_t head = (size_t)(end - (char *)ahead->data) + 4;
	add(&r->head, ahead->data, head);
	add(&r->body, ahead->data + head, ahead->len - head);
	buf_clear(ahead);
	sscanf((char *)r->head.data, "%15s %1023s", r->method, r->target);
	char *length = http_peer_request_header(r, "Content-Length");
	size_t wanted = length ? strtoul(length, NULL, 10) : 0;
	free(length);
	while (r->body.len < wanted) {
		ssize_t n = take(c, chunk, sizeof chunk);
		if (n <= 0) {
			request_free(r);
			return NULL;
		}
		add(&r->body, chunk, (size_t)n);
	}
	/* What came ahead of the next request. */
	if (r->body.len > wanted) {
		add(ahead, r->body.data + wanted, r->body.len - wanted);
		r->body.len = wanted;
		must(buf_cstr(&r->body) != NULL, "memory");
	}
	return r;
}

/* Sends as slowly, and as little of it, as the reply says. *sent counts on. False: the connection is done. */
static bool reply_send(struct connection *c, const struct http_peer_reply *reply, struct bytes part, size_t *sent)
{
	size_t limit = reply->cut_after == SIZE_MAX ? 0 : reply->cut_after ? reply->cut_after : SIZE_MAX;
	bool cut = part.len > limit - *sent;
	size_t len = cut ? limit - *sent : part.len;
	size_t step = reply->byte_ms ? 1 : len;
	for (size_t at = 0; at < len; at += step) {
		if (!give(c, (const char *)part.data + at, step))
			return false;
		*sent += step;
		if (reply->byte_ms)
			deadline_sleep_ms(deadline_in_ms(60000), reply->byte_ms);
	}
	return !cut;
}

static bool flood_send(struct connection *c, size_t bytes)
{
	char block[8192];
	memset(block, 'x', sizeof block);
	while (bytes) {
		size_t n = bytes < sizeof block ? bytes : sizeof block;
		if (!give(c, block, n))
			return false;
		bytes -= n;
	}
	return false;
}

/* False: the connection is to be closed. */
static bool reply_write(struct connection *c, const struct http_peer_reply *reply)
{
	size_t sent = 0;
	struct bytes body = reply->body_owned ? bytes_str(reply->body_owned) : reply->body;
	if (reply->delay_ms)
		deadline_sleep_ms(deadline_in_ms(60000), reply->delay_ms);
	if (reply->raw) {
		reply_send(c, reply, bytes_str(reply->raw), &sent);
		return false;
	}
	char length[64] = "";
	if (!reply->flood)
		snprintf(length, sizeof length, "Content-Length: %zu\r\n", body.len);
	char *head = NULL;
	must(asprintf(&head, "HTTP/1.1 %d Reply\r\n%s%s%s\r\n", reply->status ? reply->status : 200, length,
		      reply->close || reply->flood ? "Connection: close\r\n" : "",
		      reply->headers ? reply->headers : "") > 0,
	     "memory");
	bool on = reply_send(c, reply, bytes_str(head), &sent);
	free(head);
	if (on && reply->flood)
		on = flood_send(c, reply->flood);
	return on && reply_send(c, reply, body, &sent) && !reply->close && !reply->drop;
}

/* Counts and keeps the request, and finds its answer. */
static struct http_peer_reply reply_choose(struct http_peer *p, struct http_peer_request *r)
{
	struct http_peer_reply reply = { 0 };
	pthread_mutex_lock(&p->lock);
	unsigned n = p->requests++;
	if (n < REQUESTS_KEPT)
		p->kept[n] = r;
	if (p->options.answer)
		p->options.answer(p->options.ctx, r, &reply);
	else if (p->options.script_len)
		reply = p->options.script[n < p->options.script_len ? n : p->options.script_len - 1];
	pthread_mutex_unlock(&p->lock);
	if (n >= REQUESTS_KEPT)
		request_free(r);
	return reply;
}

static void *connection_run(void *arg)
{
	struct connection *c = arg;
	struct buf ahead = { 0 };
	sigset_t pipe; /* SSL_write raises it */
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	bool on = true;
	if (c->peer->tls) {
		c->tls = SSL_new(c->peer->tls);
		on = c->tls && SSL_set_fd(c->tls, c->fd) == 1 && wait_for(c, POLLIN) && SSL_accept(c->tls) == 1;
	}
	while (on) {
		struct http_peer_request *r = request_read(c, &ahead);
		if (!r)
			break;
		struct http_peer_reply reply = reply_choose(c->peer, r);
		on = reply_write(c, &reply);
		free(reply.body_owned);
	}
	buf_clear(&ahead);
	SSL_free(c->tls);
	close(c->fd);
	pthread_mutex_lock(&c->peer->lock);
	c->peer->closed++;
	pthread_mutex_unlock(&c->peer->lock);
	return NULL;
}

static void *listener_run(void *arg)
{
	struct http_peer *p = arg;
	for (;;) {
		struct pollfd fds[2] = { { p->listener, POLLIN, 0 }, { p->wake[0], POLLIN, 0 } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		pthread_mutex_lock(&p->lock);
		must(p->accepted < CONNECTIONS_MAX, "too many connections");
		struct connection *c = &p->connections[p->accepted++];
		*c = (struct connection){ .peer = p, .fd = fd };
		must(pthread_create(&c->thread, NULL, connection_run, c) == 0, "thread");
		pthread_mutex_unlock(&p->lock);
	}
}

struct http_peer *http_peer_start(const struct http_peer_options *options)
{
	struct http_peer *p = calloc(1, sizeof *p);
	must(p != NULL, "memory");
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	if (options->tls != HTTP_PEER_PLAIN)
		p->tls = http_peer_tls_new(options->tls, &p->ca_pem);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(p->listener >= 0 && bind(p->listener, (struct sockaddr *)&at, sizeof at) == 0, "bind");
	must(listen(p->listener, 64) == 0 && getsockname(p->listener, (struct sockaddr *)&at, &len) == 0, "listen");
	must(pipe2(p->wake, O_CLOEXEC) == 0, "pipe");
	p->port = ntohs(at.sin_port);
	snprintf(p->url, sizeof p->url, "%s://127.0.0.1:%u", p->tls ? "https" : "http", p->port);
	must(pthread_create(&p->thread, NULL, listener_run, p) == 0, "thread");
	return p;
}

void http_peer_free(struct http_peer *p)
{
	if (!p)
		return;
	must(write(p->wake[1], "x", 1) == 1, "pipe");
	pthread_join(p->thread, NULL);
	for (unsigned i = 0; i < p->accepted; i++)
		pthread_join(p->connections[i].thread, NULL);
	for (unsigned i = 0; i < REQUESTS_KEPT; i++)
		request_free(p->kept[i]);
	close(p->listener);
	close(p->wake[0]);
	close(p->wake[1]);
	SSL_CTX_free(p->tls);
	pthread_mutex_destroy(&p->lock);
	free(p->ca_pem);
	free(p);
}

const char *http_peer_url(const struct http_peer *p)
{
	return p->url;
}

uint16_t http_peer_port(const struct http_peer *p)
{
	return p->port;
}

const char *http_peer_ca_pem(const struct http_peer *p)
{
	return p->ca_pem;
}

static unsigned counter_read(struct http_peer *p, const unsigned *counter)
{
	pthread_mutex_lock(&p->lock);
	unsigned n = *counter;
	pthread_mutex_unlock(&p->lock);
	return n;
}

unsigned http_peer_connections(struct http_peer *p)
{
	return counter_read(p, &p->accepted);
}

unsigned http_peer_requests(struct http_peer *p)
{
	return counter_read(p, &p->requests);
}

const struct http_peer_request *http_peer_request(struct http_peer *p, unsigned n)
{
	pthread_mutex_lock(&p->lock);
	const struct http_peer_request *r = n < REQUESTS_KEPT && n < p->requests ? p->kept[n] : NULL;
	pthread_mutex_unlock(&p->lock);
	return r;
}

bool http_peer_wait_closed(struct http_peer *p, unsigned n)
{
	struct deadline d = deadline_in_ms(5000);
	while (counter_read(p, &p->closed) < n)
		if (!deadline_sleep_ms(d, 10))
			return false;
	return true;
}
