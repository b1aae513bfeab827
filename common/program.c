#define _GNU_SOURCE 1
#include "common/program.h"

#include "common/sigpipe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define COMPLAINT_MAX 200

enum { TO_CHILD, FROM_CHILD, COMPLAINTS, PIPES };

struct child {
	pid_t pid; /* 0: not started, or reaped */
	int status; /* -1: somebody else reaped it */
	int fds[PIPES]; /* our ends; -1: closed */
	struct bytes input; /* what is left of it */
	struct secret *output;
	size_t output_len;
	char complaint[COMPLAINT_MAX + 1]; /* the start of its standard error */
	size_t complaint_len;
};

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Above the standard descriptors, which the host process may have closed. */
static enum err pipe_make(int ends[2], struct errmsg *em)
{
	int low[2];
	ends[0] = ends[1] = -1;
	if (pipe2(low, O_CLOEXEC) != 0)
		return err_errno(em, ERR_IO, "no pipe");
	for (int i = 0; i < 2; i++)
		ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 3);
	int error = errno;
	close(low[0]);
	close(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return OK;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	errno = error;
	return err_errno(em, ERR_IO, "no pipe");
}

/* Its signals as a fresh program expects them, whatever the host process does with its own. */
static int attributes_set(posix_spawnattr_t *attr)
{
	sigset_t none;
	sigset_t all;
	sigemptyset(&none);
	sigfillset(&all);
	int error = posix_spawnattr_setsigmask(attr, &none);
	if (!error)
		error = posix_spawnattr_setsigdefault(attr, &all);
	if (!error)
		error = posix_spawnattr_setpgroup(attr, 0);
	if (!error)
		error = posix_spawnattr_setflags(
			attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
	return error;
}

static int child_spawn(struct child *c, char *const *argv, const int theirs[PIPES])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	error = posix_spawnattr_init(&attr);
	if (!error) {
		for (int i = 0; !error && i < PIPES; i++)
			error = posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
		if (!error)
			error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
		if (!error)
			error = attributes_set(&attr);
		if (!error)
			error = posix_spawnp(&c->pid, argv[0], &actions, &attr, argv, environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		c->pid = 0;
	return error;
}

static enum err child_start(struct child *c, char *const *argv, struct errmsg *em)
{
	int theirs[PIPES] = { -1, -1, -1 };
	enum err e = OK;
	for (int i = 0; e == OK && i < PIPES; i++) {
		int ends[2];
		e = pipe_make(ends, em);
		if (e != OK)
			break;
		theirs[i] = ends[i == TO_CHILD ? 0 : 1];
		c->fds[i] = ends[i == TO_CHILD ? 1 : 0];
		if (fcntl(c->fds[i], F_SETFL, O_NONBLOCK) != 0)
			e = err_errno(em, ERR_IO, "no pipe");
	}
	int error = e == OK ? child_spawn(c, argv, theirs) : 0;
	for (int i = 0; i < PIPES; i++)
		fd_close(&theirs[i]);
	if (error) {
		errno = error;
		return err_errno(em, error == ENOMEM ? ERR_NOMEM : ERR_NOT_FOUND, "it cannot be run");
	}
	return e;
}

/* A child that no longer reads is judged by what it prints and by its status. */
static enum err input_give(struct child *c, struct errmsg *em)
{
	ssize_t n = write(c->fds[TO_CHILD], c->input.data, c->input.len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return OK;
	if (n < 0 && errno != EPIPE)
		return err_errno(em, ERR_IO, "cannot write to it");
	c->input.data += n > 0 ? n : 0;
	c->input.len -= n > 0 ? (size_t)n : 0;
	if (n < 0 || c->input.len == 0)
		fd_close(&c->fds[TO_CHILD]);
	return OK;
}

static enum err output_take(struct child *c, struct errmsg *em)
{
	size_t room_all = secret_len(c->output);
	size_t room = room_all - c->output_len;
	if (room == 0)
		return err_set(em, ERR_LIMIT, "it printed more than %zu bytes", room_all - 1);
	ssize_t n = read(c->fds[FROM_CHILD], secret_data(c->output) + c->output_len, room);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? OK : err_errno(em, ERR_IO, "cannot read from it");
	if (n == 0)
		fd_close(&c->fds[FROM_CHILD]);
	c->output_len += (size_t)n;
	return OK;
}

/* All is read, so that it never waits for us; the start is kept. */
static void complaint_take(struct child *c)
{
	char chunk[512];
	ssize_t n = read(c->fds[COMPLAINTS], chunk, sizeof(chunk));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&c->fds[COMPLAINTS]);
		return;
	}
	size_t room = COMPLAINT_MAX - c->complaint_len;
	size_t kept = (size_t)n < room ? (size_t)n : room;
	memcpy(c->complaint + c->complaint_len, chunk, kept);
	c->complaint_len += kept;
}

/* Until it has closed its standard output. */
static enum err child_talk(struct child *c, struct deadline until, struct errmsg *em)
{
	enum err e = OK;
	while (e == OK && c->fds[FROM_CHILD] >= 0) {
		struct pollfd polled[PIPES] = {
			{ .fd = c->fds[TO_CHILD], .events = POLLOUT },
			{ .fd = c->fds[FROM_CHILD], .events = POLLIN },
			{ .fd = c->fds[COMPLAINTS], .events = POLLIN },
		};
		int64_t left = deadline_left_ms(until);
		if (left == 0)
			return err_set(em, ERR_TIMEOUT, "it did not answer in time, and was killed");
		if (poll(polled, PIPES, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
			return err_errno(em, ERR_IO, "cannot wait for it");
		if (polled[TO_CHILD].revents)
			e = input_give(c, em);
		if (e == OK && polled[FROM_CHILD].revents)
			e = output_take(c, em);
		if (polled[COMPLAINTS].revents)
			complaint_take(c);
	}
	return e;
}

static enum err child_wait(struct child *c, struct deadline until, struct errmsg *em)
{
	while (c->pid > 0) {
		if (c->fds[COMPLAINTS] >= 0) /* whoever it leaves behind may hold that open */
			complaint_take(c);
		pid_t pid = waitpid(c->pid, &c->status, WNOHANG);
		if (pid < 0 && errno != EINTR)
			c->status = -1; /* the host process ignores SIGCHLD, or waits for everybody */
		if (pid != 0)
			c->pid = 0;
		else if (!deadline_sleep_ms(until, 1))
			return err_set(em, ERR_TIMEOUT, "it did not end in time, and was killed");
	}
	if (c->fds[COMPLAINTS] >= 0)
		complaint_take(c);
	return OK;
}

/* The first line of its standard error, if it is text. */
static const char *complaint_line(struct child *c)
{
	c->complaint[c->complaint_len] = '\0';
	c->complaint[strcspn(c->complaint, "\r\n")] = '\0';
	for (char *at = c->complaint; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
	return c->complaint;
}

static enum err child_judge(struct child *c, struct errmsg *em)
{
	const char *line = complaint_line(c);
	const char *between = line[0] ? ": " : "";
	if (c->status == -1 || (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0))
		return OK;
	if (WIFSIGNALED(c->status))
		return err_set(em, ERR_PROTO, "it was ended by signal %d%s%s", WTERMSIG(c->status), between, line);
	int status = WEXITSTATUS(c->status);
	return err_set(em, ERR_PROTO, "it ended with exit status %d%s%s", status, between, line);
}

static void child_end(struct child *c)
{
	for (int i = 0; i < PIPES; i++)
		fd_close(&c->fds[i]);
	if (c->pid > 0) {
		kill(-c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	secret_free(c->output);
}

static enum err child_run(struct child *c, const struct program *p, struct errmsg *em)
{
	enum err e = secret_new(p->output_max + 1, &c->output, em);
	if (e == OK)
		e = child_start(c, p->argv, em);
	if (e == OK)
		e = child_talk(c, p->until, em);
	if (e == OK)
		e = child_wait(c, p->until, em);
	return e == OK ? child_judge(c, em) : e;
}

enum err program_run(const struct program *p, struct secret **output, int *exit_status, struct errmsg *em)
{
	struct child c = { .fds = { -1, -1, -1 }, .input = p->input };
	struct sigpipe_guard guard = sigpipe_block(); /* a pipe knows no MSG_NOSIGNAL */
	enum err e = child_run(&c, p, em);
	bool judged = c.pid == 0 && e == ERR_PROTO && c.status != -1 && WIFEXITED(c.status);
	*exit_status = judged ? WEXITSTATUS(c.status) : -1;
	if (e == OK || judged) {
		secret_truncate(c.output, c.output_len);
		*output = steal(&c.output);
	}
	child_end(&c);
	sigpipe_unblock(&guard);
	return e;
}
