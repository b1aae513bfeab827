#define _GNU_SOURCE 1
#include "keywrap/provider_daemon.h"

#include "common/sigpipe.h"
#include "keywrap/provider_connection.h"
#include "keywrap/wire_peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 64
#define PLACE_MS 1000 /* for an idle connection to make place */
#define STOP_MS 5000

struct slot {
	struct crowd *crowd;
	bool used;
	int fd;
	struct provider_listener listener;
	atomic_llong idle_since;
};

struct crowd {
	struct provider_daemon daemon; /* a copy: threads may outlive its owner's frame */
	struct provider_jobs *jobs;
	pthread_mutex_t lock; /* guards all below, but idle_since */
	pthread_cond_t fewer;
	unsigned count;
	bool left; /* by who runs the daemon: the last connection frees it */
	struct slot slots[CONNECTIONS_MAX];
};

static void crowd_free(struct crowd *crowd)
{
	pthread_mutex_destroy(&crowd->lock);
	pthread_cond_destroy(&crowd->fewer);
	for (size_t i = 0; i < crowd->daemon.count; i++)
		SSL_CTX_free(crowd->daemon.listeners[i].tls);
	free(crowd);
}

/* With TLS certificates say who may ask; where others can connect without it, --grpc-plain was said by name. */
static bool peer_may_ask(const struct provider_listener *listener, int fd)
{
	int family = 0;
	socklen_t len = sizeof(family);
	if (getsockopt(listener->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0)
		return false;
	bool ours_alone = family == AF_UNIX || (!listener->tls && wire_is_loopback(listener->fd));
	return !ours_alone || wire_peer_trusted(fd);
}

static void *slot_serve(void *user)
{
	static struct provider_peer *(*const protocols[])(
		void) = { [PROVIDER_TTRPC] = provider_peer_ttrpc, [PROVIDER_GRPC] = provider_peer_grpc };
	struct slot *slot = user;
	struct crowd *crowd = slot->crowd;
	int fd = slot->fd;
	const struct provider_connection connection = {
		.fd = fd,
		.tls = slot->listener.tls,
		.protocol = protocols[slot->listener.protocol],
		.jobs = crowd->jobs,
		.stop = crowd->daemon.stop,
		.idle_since = &slot->idle_since,
	};
	if (peer_may_ask(&slot->listener, fd))
		provider_connection_serve(&connection);
	pthread_mutex_lock(&crowd->lock);
	slot->used = false; /* from here on nobody shuts down its descriptor */
	close(fd);
	bool last = --crowd->count == 0 && crowd->left;
	pthread_cond_signal(&crowd->fewer);
	pthread_mutex_unlock(&crowd->lock);
	if (last)
		crowd_free(crowd);
	return NULL;
}

static void idle_end_locked(struct crowd *crowd)
{
	struct slot *longest = NULL;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct slot *slot = &crowd->slots[i];
		long long since = slot->used ? atomic_load(&slot->idle_since) : 0;
		if (since && (!longest || since < atomic_load(&longest->idle_since)))
			longest = slot;
	}
	if (longest)
		shutdown(longest->fd, SHUT_RDWR);
}

/* NULL: all are in use. */
static struct slot *slot_take(struct crowd *crowd)
{
	struct deadline until = deadline_in_ms(PLACE_MS);
	struct timespec at = deadline_timespec(until);
	struct slot *slot = NULL;
	pthread_mutex_lock(&crowd->lock);
	if (crowd->count == CONNECTIONS_MAX)
		idle_end_locked(crowd);
	while (crowd->count == CONNECTIONS_MAX && !deadline_passed(until))
		pthread_cond_timedwait(&crowd->fewer, &crowd->lock, &at);
	for (size_t i = 0; i < CONNECTIONS_MAX && !slot && crowd->count < CONNECTIONS_MAX; i++)
		if (!crowd->slots[i].used)
			slot = &crowd->slots[i];
	if (slot) {
		slot->used = true;
		atomic_store(&slot->idle_since, monotonic_ms()); /* until it asks something */
		crowd->count++;
	}
	pthread_mutex_unlock(&crowd->lock);
	return slot;
}

static void slot_give_back(struct crowd *crowd, struct slot *slot)
{
	pthread_mutex_lock(&crowd->lock);
	slot->used = false;
	crowd->count--;
	pthread_mutex_unlock(&crowd->lock);
}

/* Where there is no place the peer sees its connection closed. */
static void connection_start(struct crowd *crowd, const struct provider_listener *listener, int fd)
{
	int yes = 1;
	pthread_t thread;
	struct slot *slot = slot_take(crowd);
	if (!slot) {
		close(fd);
		return;
	}
	/* Of TCP; elsewhere they fail. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	slot->crowd = crowd;
	slot->fd = fd;
	slot->listener = *listener;
	if (pthread_create(&thread, NULL, slot_serve, slot) == 0) {
		pthread_detach(thread);
		return;
	}
	slot_give_back(crowd, slot);
	close(fd);
}

static enum err crowd_new(const struct provider_daemon *daemon, struct crowd **out, struct errmsg *em)
{
	pthread_condattr_t attr;
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	if (!crowd)
		return err_nomem(em, "a daemon");
	enum err e = provider_jobs_new(daemon->server, &crowd->jobs, em);
	if (e != OK) {
		free(crowd);
		return e;
	}
	crowd->daemon = *daemon;
	for (size_t i = 0; i < daemon->count; i++)
		if (daemon->listeners[i].tls)
			SSL_CTX_up_ref(daemon->listeners[i].tls);
	pthread_mutex_init(&crowd->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&crowd->fewer, &attr);
	pthread_condattr_destroy(&attr);
	*out = crowd;
	return OK;
}

/* Idle connections end by themselves: they watch `stop`, too. */
static enum err crowd_end(struct crowd *crowd, struct errmsg *em)
{
	struct deadline until = deadline_in_ms(STOP_MS);
	struct timespec at = deadline_timespec(until);
	pthread_mutex_lock(&crowd->lock);
	while (crowd->count > 0 && !deadline_passed(until))
		pthread_cond_timedwait(&crowd->fewer, &crowd->lock, &at);
	unsigned count = crowd->count;
	crowd->left = true;
	pthread_mutex_unlock(&crowd->lock);
	/* Connections that are left may still submit: their process has to end now, with all that they use. */
	if (count > 0)
		return err_set(em, ERR_BUSY, "%u connections had not got their answers in time", count);
	bool ended = provider_jobs_end(crowd->jobs, until);
	crowd_free(crowd);
	return ended ? OK : err_set(em, ERR_BUSY, "some requests were not answered in time");
}

static void connection_accept(struct crowd *crowd, const struct provider_listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		connection_start(crowd, listener, fd);
	/* Out of descriptors or memory, until a connection ends: no reason to spin. */
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		(void)deadline_sleep_ms(deadline_in_ms(100), 100);
}

enum err provider_daemon_run(const struct provider_daemon *daemon, struct errmsg *em)
{
	struct pollfd polled[PROVIDER_LISTENERS_MAX + 1] = { { .fd = daemon->stop, .events = POLLIN } };
	struct crowd *crowd = NULL;
	enum err e = crowd_new(daemon, &crowd, em);
	if (e != OK)
		return e;
	/* TLS writes to sockets as others do; the threads that are started here inherit it. */
	struct sigpipe_guard pipe = sigpipe_block();
	for (size_t i = 0; i < daemon->count; i++)
		polled[i + 1] = (struct pollfd){ .fd = daemon->listeners[i].fd, .events = POLLIN };
	while (!polled[0].revents) {
		if (poll(polled, daemon->count + 1, -1) < 0 && errno != EINTR)
			break;
		for (size_t i = 0; i < daemon->count && !polled[0].revents; i++)
			if (polled[i + 1].revents)
				connection_accept(crowd, &daemon->listeners[i]);
	}
	e = crowd_end(crowd, em);
	sigpipe_unblock(&pipe);
	return e;
}
