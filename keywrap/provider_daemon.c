#define _GNU_SOURCE 1
#include "keywrap/provider_daemon.h"

#include "keywrap/provider_message.h"
#include "keywrap/provider_ttrpc.h"
#include "keywrap/ttrpc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 64
#define FRAME_MS 30000 /* for what follows a header, and for an answer to go out */
#define STOP_MS 5000

/* Listening */

static enum err stale_remove(const struct sockaddr_un *at, uint32_t len, struct errmsg *em)
{
	struct stat st;
	AUTO_FD
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead = probe >= 0 && connect(probe, (const struct sockaddr *)at, len) != 0 && errno == ECONNREFUSED;
	if (!dead || lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return err_set(em, ERR_EXISTS, "%s is in use", at->sun_path);
	return unlink(at->sun_path) == 0 ? OK : err_errno(em, ERR_IO, "%s", at->sun_path);
}

enum err provider_daemon_listen(const char *address, int *out, struct errmsg *em)
{
	struct sockaddr_un at;
	uint32_t len = 0;
	enum err e = ttrpc_address(address, &at, &len, em);
	if (e != OK)
		return e;
	AUTO_FD
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(em, ERR_IO, "no socket");
	bool path = at.sun_path[0] == '/';
	int result = bind(fd, (const struct sockaddr *)&at, len);
	if (result != 0 && errno == EADDRINUSE && path) {
		e = stale_remove(&at, len, em);
		if (e != OK)
			return e;
		result = bind(fd, (const struct sockaddr *)&at, len);
	}
	if (result != 0)
		return err_errno(em, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, "%s", address);
	/* Nobody can connect before listen(). */
	if ((path && chmod(at.sun_path, 0600) != 0) || listen(fd, CONNECTIONS_MAX) != 0)
		return err_errno(em, ERR_IO, "%s", address);
	*out = fd;
	fd = -1;
	return OK;
}

/* Connections */

struct crowd {
	struct provider_daemon daemon; /* a copy: threads may outlive its owner's frame */
	pthread_mutex_t lock; /* guards count and users */
	pthread_cond_t fewer;
	unsigned count;
	unsigned users; /* threads, and who runs the daemon: the last one frees it */
};

struct connection {
	struct crowd *crowd;
	int fd;
};

/* What is answered to one frame: a payload, or a code and why. */
struct reply {
	enum ttrpc_code code;
	struct errmsg why;
	struct secret *payload;
};

static void reply_fail(struct reply *reply, enum ttrpc_code code, const char *why)
{
	reply->code = code;
	(void)err_set(&reply->why, ERR_PROTO, "%s", why);
}

static void call_answer(struct provider_server *server, const struct ttrpc_request *request, struct reply *reply)
{
	AUTO(secret) *answer = NULL;
	struct bytes json;
	int64_t started = monotonic_ms();
	if (ttrpc_bytes_read(request->payload, &json, &reply->why) != OK) {
		reply->code = TTRPC_UNKNOWN;
		return;
	}
	enum err e = provider_server_answer(server, json, &answer, &reply->why);
	int64_t took = monotonic_ms() - started;
	if (request->timeout_ns > 0 && took > request->timeout_ns / 1000000) {
		reply_fail(reply, TTRPC_DEADLINE_EXCEEDED, "the answer came too late");
		return;
	}
	if (e == OK)
		e = ttrpc_bytes_write(secret_bytes(answer), &reply->payload, &reply->why);
	reply->code = e == OK ? TTRPC_OK : TTRPC_INTERNAL;
}

static void frame_answer(struct provider_server *server, struct ttrpc_header header, struct bytes message,
			 struct reply *reply)
{
	struct ttrpc_request request;
	if (header.type != TTRPC_REQUEST || header.stream % 2 == 0)
		reply_fail(reply, TTRPC_INVALID_ARGUMENT, "not a request of an odd stream");
	else if (ttrpc_request_read(message, &request, &reply->why) != OK)
		reply->code = TTRPC_INVALID_ARGUMENT;
	else if (!bytes_equal(request.service, bytes_str(PROVIDER_SERVICE)))
		reply_fail(reply, TTRPC_INVALID_ARGUMENT, "the service is not " PROVIDER_SERVICE);
	else if (!bytes_equal(request.method, bytes_str("WrapKey")) &&
		 !bytes_equal(request.method, bytes_str("UnWrapKey")))
		reply_fail(reply, TTRPC_UNIMPLEMENTED, "the method is neither WrapKey nor UnWrapKey");
	else
		call_answer(server, &request, reply);
}

static enum err frame_discard(int fd, uint32_t len, struct errmsg *em)
{
	uint8_t waste[4096];
	struct deadline until = deadline_in_ms(FRAME_MS);
	enum err e = OK;
	while (e == OK && len > 0) {
		uint32_t part = len < sizeof(waste) ? len : (uint32_t)sizeof(waste);
		e = ttrpc_receive(fd, waste, part, until, em);
		len -= part;
	}
	secret_wipe(waste, sizeof(waste));
	return e;
}

static enum err frame_take(const struct connection *c, struct ttrpc_header header, struct reply *reply,
			   struct errmsg *em)
{
	AUTO(secret) *message = NULL;
	if (header.len > PROVIDER_MESSAGE_MAX) {
		reply_fail(reply, TTRPC_INVALID_ARGUMENT, "the message is too large");
		return frame_discard(c->fd, header.len, em);
	}
	enum err e = secret_new(header.len, &message, em);
	if (e == OK)
		e = ttrpc_receive(c->fd, secret_data(message), header.len, deadline_in_ms(FRAME_MS), em);
	if (e == OK)
		frame_answer(c->crowd->daemon.server, header, secret_bytes(message), reply);
	return e;
}

static enum err frame_serve(const struct connection *c, struct errmsg *em)
{
	uint8_t bytes[TTRPC_HEADER];
	AUTO(secret) *frame = NULL;
	struct reply reply = { .code = TTRPC_OK };
	enum err e = ttrpc_receive(c->fd, bytes, sizeof(bytes), deadline_in_ms(FRAME_MS), em);
	if (e != OK)
		return e;
	struct ttrpc_header header = ttrpc_header_read(bytes);
	e = frame_take(c, header, &reply, em);
	struct ttrpc_response response = { .code = (int32_t)reply.code, .payload = secret_bytes(reply.payload) };
	if (reply.code != TTRPC_OK)
		response.message = bytes_str(reply.why.text);
	if (e == OK)
		e = ttrpc_response_write(header.stream, &response, &frame, em);
	if (e == OK)
		e = ttrpc_send(c->fd, secret_bytes(frame), deadline_in_ms(FRAME_MS), em);
	secret_free(reply.payload);
	return e;
}

/* False when the daemon stops. */
static bool readable_wait(int fd, int stop)
{
	for (;;) {
		struct pollfd polled[] = { { .fd = fd, .events = POLLIN }, { .fd = stop, .events = POLLIN } };
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return false;
		if (polled[1].revents)
			return false;
		if (polled[0].revents)
			return true;
	}
}

/* Who asks must be who could as well read our memory: root, or the same user. */
static bool peer_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void crowd_leave(struct crowd *crowd, bool connection)
{
	pthread_mutex_lock(&crowd->lock);
	crowd->count -= connection;
	bool last = --crowd->users == 0;
	pthread_cond_signal(&crowd->fewer);
	pthread_mutex_unlock(&crowd->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&crowd->lock);
	pthread_cond_destroy(&crowd->fewer);
	free(crowd);
}

static void *connection_serve(void *user)
{
	struct connection c = *(struct connection *)user;
	struct errmsg ignored = { "" }; /* the peer is gone, or is none of ours */
	int stop = c.crowd->daemon.stop;
	free(user);
	while (peer_trusted(c.fd) && readable_wait(c.fd, stop) && frame_serve(&c, &ignored) == OK)
		;
	close(c.fd);
	crowd_leave(c.crowd, true);
	return NULL;
}

/* False: too many, or no memory; the peer sees its connection closed. */
static bool connection_start(struct crowd *crowd, int fd)
{
	pthread_t thread;
	struct connection *c = malloc(sizeof(*c));
	pthread_mutex_lock(&crowd->lock);
	bool good = c && crowd->count < CONNECTIONS_MAX;
	crowd->count += good;
	crowd->users += good;
	pthread_mutex_unlock(&crowd->lock);
	if (good) {
		*c = (struct connection){ crowd, fd };
		if (pthread_create(&thread, NULL, connection_serve, c) == 0) {
			pthread_detach(thread);
			return true;
		}
		crowd_leave(crowd, true);
	}
	free(c);
	return false;
}

/* NULL without memory. */
static struct crowd *crowd_new(const struct provider_daemon *daemon)
{
	pthread_condattr_t attr;
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	if (!crowd)
		return NULL;
	crowd->daemon = *daemon;
	crowd->users = 1;
	pthread_mutex_init(&crowd->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&crowd->fewer, &attr);
	pthread_condattr_destroy(&attr);
	return crowd;
}

/* Idle connections end by themselves: they watch `stop`, too. */
static enum err crowd_wait(struct crowd *crowd, struct errmsg *em)
{
	struct deadline until = deadline_in_ms(STOP_MS);
	struct timespec at = deadline_timespec(until);
	pthread_mutex_lock(&crowd->lock);
	while (crowd->count > 0 && !deadline_passed(until))
		pthread_cond_timedwait(&crowd->fewer, &crowd->lock, &at);
	unsigned left = crowd->count;
	pthread_mutex_unlock(&crowd->lock);
	return left ? err_set(em, ERR_BUSY, "%u requests were not answered in time", left) : OK;
}

enum err provider_daemon_run(const struct provider_daemon *daemon, struct errmsg *em)
{
	struct crowd *crowd = crowd_new(daemon);
	if (!crowd)
		return err_set(em, ERR_NOMEM, "no memory for a daemon");
	while (readable_wait(daemon->listener, daemon->stop)) {
		int fd = accept4(daemon->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0 && !connection_start(crowd, fd))
			close(fd);
		/* Out of descriptors or memory, until a connection ends: no reason to spin. */
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
			(void)deadline_sleep_ms(deadline_in_ms(100), 100);
	}
	enum err e = crowd_wait(crowd, em);
	crowd_leave(crowd, false);
	return e;
}
