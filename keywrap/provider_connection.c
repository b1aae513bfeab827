#define _GNU_SOURCE 1
#include "keywrap/provider_connection.h"

#include "keywrap/http2.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define HANDSHAKE_MS 10000
#define LINGER_MS 500

struct connection {
	const struct provider_connection *given;
	struct wire wire;
	struct provider_peer *peer;
	struct job_box *box;
	struct secret *room; /* what was read, and is not used yet */
	size_t from;
	size_t to;
	short read_events;
	short write_events;
	struct deadline stalled; /* when what is to be sent has waited too long */
	bool finishing;
};

static enum err job_submit(void *user, struct provider_job *job, struct errmsg *em)
{
	struct connection *c = user;
	return provider_jobs_submit(c->given->jobs, c->box, job, em);
}

static enum err handshake_wait(struct connection *c, struct errmsg *em)
{
	struct deadline until = deadline_in_ms(HANDSHAKE_MS);
	bool done = false;
	for (;;) {
		enum err e = wire_handshake(&c->wire, &done, em);
		if (e != OK || done)
			return e;
		struct pollfd polled[] = { { .fd = c->wire.fd, .events = c->wire.events },
					   { .fd = c->given->stop, .events = POLLIN } };
		if (poll(polled, 2, (int)deadline_left_ms(until)) < 0 && errno != EINTR)
			return err_errno(em, ERR_IO, "cannot wait");
		if (polled[1].revents || deadline_passed(until))
			return err_set(em, ERR_TIMEOUT, "no handshake in time");
	}
}

static bool output_waits(const struct connection *c)
{
	return outbox_bytes(c->peer->out).len > 0;
}

static enum err output_push(struct connection *c, struct errmsg *em)
{
	for (;;) {
		size_t n = 0;
		enum err e = c->peer->ops->output(c->peer, em);
		struct bytes out = outbox_bytes(c->peer->out);
		if (e != OK || out.len == 0) {
			c->stalled = PEER_NEVER;
			return e;
		}
		e = wire_write(&c->wire, out, &n, em);
		c->write_events = c->wire.events;
		if (n > 0 || c->stalled.at_ms == INT64_MAX)
			c->stalled = deadline_in_ms(PEER_RECEIVE_MS);
		if (e != OK || n == 0)
			return e;
		outbox_sent(c->peer->out, n);
	}
}

static enum err input_feed(struct connection *c, struct errmsg *em)
{
	struct bytes in = { secret_data(c->room) + c->from, c->to - c->from };
	if (in.len == 0)
		return OK;
	enum err e = c->peer->ops->input(c->peer, &in, em);
	c->from = c->to - in.len;
	return e;
}

/* A peer that does not take our answers gives no further requests. */
static bool input_wanted(const struct connection *c)
{
	return c->from == c->to && !output_waits(c);
}

static enum err input_read(struct connection *c, struct errmsg *em)
{
	size_t n = 0;
	c->from = c->to = 0;
	enum err e = wire_read(&c->wire, (struct wire_room){ secret_data(c->room), secret_len(c->room) }, &n, em);
	c->read_events = c->wire.events;
	c->to = n;
	return e;
}

static enum err jobs_take(struct connection *c, struct errmsg *em)
{
	enum err e = OK;
	for (struct provider_job *job = job_box_take(c->box); job && e == OK;) {
		e = c->peer->ops->answer(c->peer, job, em);
		job = e == OK ? job_box_take(c->box) : NULL;
	}
	return e;
}

static int timeout_of(const struct connection *c)
{
	struct deadline until = deadline_earlier(c->peer->ops->until(c->peer), c->stalled);
	int64_t left = deadline_left_ms(until);
	if (input_wanted(c) && wire_pending(&c->wire))
		return 0;
	return left > 60000 ? 60000 : (int)left;
}

static void idle_tell(const struct connection *c)
{
	bool idle = c->peer->ops->idle(c->peer) && !output_waits(c);
	if (!idle)
		atomic_store(c->given->idle_since, 0);
	else if (atomic_load(c->given->idle_since) == 0)
		atomic_store(c->given->idle_since, monotonic_ms());
}

static enum err happenings_wait(struct connection *c, struct errmsg *em)
{
	bool reads = input_wanted(c);
	struct pollfd polled[] = {
		{ .fd = c->wire.fd,
		  .events = (short)((reads ? c->read_events : 0) | (output_waits(c) ? c->write_events : 0)) },
		{ .fd = job_box_fd(c->box), .events = POLLIN },
		{ .fd = c->finishing ? -1 : c->given->stop, .events = POLLIN },
	};
	idle_tell(c);
	if (poll(polled, ARRAY_LEN(polled), timeout_of(c)) < 0 && errno != EINTR)
		return err_errno(em, ERR_IO, "cannot wait");
	if (deadline_passed(c->stalled))
		return err_set(em, ERR_TIMEOUT, "it does not take its answers");
	if (polled[0].revents & (POLLERR | POLLNVAL) || (polled[0].revents & POLLHUP && !reads))
		return err_set(em, ERR_NET, "the connection was closed");
	enum err e = jobs_take(c, em);
	if (e == OK && polled[2].revents) {
		c->finishing = true;
		e = c->peer->ops->finish(c->peer, em);
	}
	if (e == OK && deadline_passed(c->peer->ops->until(c->peer)))
		e = c->peer->ops->due(c->peer, em);
	return e == OK && reads && (polled[0].revents || wire_pending(&c->wire)) ? input_read(c, em) : e;
}

static enum err connection_run(struct connection *c, struct errmsg *em)
{
	enum err e = handshake_wait(c, em);
	while (e == OK) {
		e = input_feed(c, em);
		/* What broke the protocol is told why. */
		struct errmsg ignored = { "" };
		enum err pushed = output_push(c, e == OK ? em : &ignored);
		if (e == OK)
			e = pushed;
		if (e != OK || (c->finishing && c->peer->ops->idle(c->peer) && !output_waits(c)))
			break;
		e = happenings_wait(c, em);
	}
	return e;
}

/* A socket that is closed while something unread lies in it takes back what was sent: the peer would not hear why. */
static void linger(int fd)
{
	char waste[4096];
	struct deadline until = deadline_in_ms(LINGER_MS);
	(void)shutdown(fd, SHUT_WR);
	for (;;) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		int64_t left = deadline_left_ms(until);
		if (left == 0 || (poll(&polled, 1, (int)left) < 0 && errno != EINTR))
			return;
		ssize_t n = recv(fd, waste, sizeof(waste), 0);
		secret_wipe(waste, sizeof(waste)); /* half a request, maybe */
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
	}
}

void provider_connection_serve(const struct provider_connection *given)
{
	struct errmsg ignored = { "" }; /* the peer is gone, or is none of ours */
	struct connection c = { .given = given, .read_events = POLLIN, .write_events = POLLOUT, .stalled = PEER_NEVER };
	c.peer = given->protocol();
	c.box = job_box_new();
	enum err e = c.peer && c.box ? secret_new(HTTP2_INPUT, &c.room, &ignored) : ERR_NOMEM;
	if (e == OK)
		e = wire_server(&c.wire, given->fd, given->tls, &ignored);
	if (e == OK) {
		c.peer->submit = job_submit;
		c.peer->user = &c;
		(void)connection_run(&c, &ignored);
	}
	job_box_close(c.box);
	if (c.peer)
		c.peer->ops->free(c.peer);
	secret_free(c.room);
	c.wire.fd = -1; /* its owner's */
	wire_clear(&c.wire);
	linger(given->fd);
}
