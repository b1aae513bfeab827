#include "kbs/connections.h"

#include "common/cleanup.h"
#include "common/log.h"

#include <pthread.h>
#include <sys/socket.h>

struct entry {
	int fd;
	bool busy;
	int64_t since_ms; /* when the wait for headers began */
	struct entry *older, *newer;
};

struct connections {
	int64_t max_ms;
	pthread_t thread;
	pthread_mutex_t lock; /* guards everything below, and keeps each fd open while it is used */
	pthread_cond_t wake; /* CLOCK_MONOTONIC */
	bool stop;
	struct entry *oldest, *newest; /* those that are not busy, by since_ms */
};

static void unlink_locked(struct connections *c, struct entry *e)
{
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	e->older = e->newer = NULL;
}

static void append_locked(struct connections *c, struct entry *e)
{
	e->since_ms = monotonic_ms();
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

/* Its thread sees the end of the stream then, and closes it. */
static void cut_off_locked(struct connections *c, int64_t now_ms)
{
	while (c->oldest && now_ms - c->oldest->since_ms >= c->max_ms) {
		struct entry *e = c->oldest;
		unlink_locked(c, e);
		e->busy = true;
		shutdown(e->fd, SHUT_RDWR);
		log_info("kbs", "too-slow", "fd=%d", e->fd);
	}
}

static void *watch(void *ctx)
{
	struct connections *c = ctx;
	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		struct timespec next = deadline_timespec(deadline_in_ms(500));
		(void)pthread_cond_timedwait(&c->wake, &c->lock, &next);
		cut_off_locked(c, monotonic_ms());
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

enum err connections_new(int64_t max_ms, struct connections **out, struct errmsg *em)
{
	pthread_condattr_t monotonic;
	struct connections *c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem(em, "connections");
	c->max_ms = max_ms;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&c->thread, NULL, watch, c) == 0) {
		*out = c;
		return OK;
	}
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return err_set(em, ERR_NOMEM, "cannot start a thread");
}

void connections_free(struct connections *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct entry *entry_new(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct entry *e = info ? calloc(1, sizeof(*e)) : NULL;
	if (e)
		e->fd = info->connect_fd;
	return e;
}

void connections_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
			enum MHD_ConnectionNotificationCode code)
{
	struct connections *c = cls;
	struct entry *e = code == MHD_CONNECTION_NOTIFY_STARTED ? entry_new(connection) : *socket_context;
	if (!e)
		return;
	pthread_mutex_lock(&c->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		append_locked(c, e);
	else if (!e->busy)
		unlink_locked(c, e);
	pthread_mutex_unlock(&c->lock);
	*socket_context = code == MHD_CONNECTION_NOTIFY_STARTED ? e : NULL;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED)
		free(e);
}

static struct entry *entry_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

void connections_busy(struct connections *c, struct MHD_Connection *connection)
{
	struct entry *e = entry_of(connection);
	if (!e)
		return;
	pthread_mutex_lock(&c->lock);
	if (!e->busy)
		unlink_locked(c, e);
	e->busy = true;
	pthread_mutex_unlock(&c->lock);
}

void connections_idle(struct connections *c, struct MHD_Connection *connection)
{
	struct entry *e = entry_of(connection);
	if (!e)
		return;
	pthread_mutex_lock(&c->lock);
	if (e->busy)
		append_locked(c, e);
	e->busy = false;
	pthread_mutex_unlock(&c->lock);
}
