#define _GNU_SOURCE 1
#include "common/pgp_loop.h"

#include "common/cleanup.h"
#include "common/deadline.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define DEFAULT_SECONDS 120
#define MAX_SECONDS 86400
#define WATCHED_MAX 32 /* gpg has some six descriptors */
#define STEP_MS 1000

/* A descriptor that libgpgme wants to hear of. */
struct watched {
	bool used;
	int fd;
	short events;
	gpgme_io_cb_t call;
	void *data;
};

struct pgp_loop {
	const struct pgp_lib *lib;
	gpgme_ctx_t ctx;
	long seconds;
	struct deadline deadline;
	struct watched watched[WATCHED_MAX];
	void (*take)(void *user, gpgme_key_t key);
	void *take_user;
	bool done;
	bool late;
	gpgme_error_t result;
};

static long limit_seconds(void)
{
	const char *text = secure_getenv("OKW_PGP_TIMEOUT");
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 0;
	return text && end != text && !*end && n > 0 && n <= MAX_SECONDS ? n : DEFAULT_SECONDS;
}

static gpgme_error_t loop_add(void *data, int fd, int reads, gpgme_io_cb_t call, void *call_data, void **tag)
{
	struct pgp_loop *loop = data;
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		if (loop->watched[i].used)
			continue;
		loop->watched[i] = (struct watched){ true, fd, reads ? POLLIN : POLLOUT, call, call_data };
		*tag = &loop->watched[i];
		return 0;
	}
	return gpgme_error(GPG_ERR_ENFILE);
}

static void loop_remove(void *tag)
{
	((struct watched *)tag)->used = false;
}

static void loop_event(void *data, gpgme_event_io_t type, void *type_data)
{
	struct pgp_loop *loop = data;
	const struct gpgme_io_event_done_data *done = type_data;
	switch (type) {
	case GPGME_EVENT_DONE:
		loop->done = true;
		loop->result = done->err ? done->err : done->op_err;
		break;
	case GPGME_EVENT_NEXT_KEY:
		if (loop->take)
			loop->take(loop->take_user, type_data);
		else
			loop->lib->key_unref(type_data);
		break;
	default:
		break;
	}
}

enum err pgp_loop_new(const struct pgp_lib *lib, gpgme_ctx_t ctx, struct pgp_loop **out, struct errmsg *em)
{
	struct pgp_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return err_nomem(em, "GnuPG");
	struct gpgme_io_cbs callbacks = { loop_add, loop, loop_remove, loop_event, loop };
	loop->lib = lib;
	loop->ctx = ctx;
	loop->seconds = limit_seconds();
	loop->deadline = deadline_in_ms(loop->seconds * 1000);
	lib->set_io_cbs(ctx, &callbacks);
	*out = loop;
	return OK;
}

void pgp_loop_free(struct pgp_loop *loop)
{
	free(loop);
}

void pgp_loop_keys(struct pgp_loop *loop, void (*take)(void *user, gpgme_key_t key), void *user)
{
	loop->take = take;
	loop->take_user = user;
}

/* A call may take away others that were waited for. */
static void calls_make(struct pgp_loop *loop, const struct pollfd *fds, struct watched *const *of, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents && of[i]->used && of[i]->fd == fds[i].fd && !loop->done)
			of[i]->call(of[i]->data, fds[i].fd);
}

static void step(struct pgp_loop *loop)
{
	struct pollfd fds[WATCHED_MAX];
	struct watched *of[WATCHED_MAX];
	nfds_t count = 0;
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		if (!loop->watched[i].used)
			continue;
		of[count] = &loop->watched[i];
		fds[count++] = (struct pollfd){ .fd = loop->watched[i].fd, .events = loop->watched[i].events };
	}
	int64_t left = deadline_left_ms(loop->deadline);
	int n = poll(fds, count, left < STEP_MS ? (int)left : STEP_MS);
	if (n > 0)
		calls_make(loop, fds, of, count);
}

gpgme_error_t pgp_loop_run(struct pgp_loop *loop, gpgme_error_t started)
{
	if (started)
		return started;
	while (!loop->done) {
		step(loop);
		if (loop->done || !deadline_passed(loop->deadline))
			continue;
		loop->late = true;
		loop->lib->cancel(loop->ctx); /* ends with its own event */
		if (!loop->done)
			loop->result = gpgme_error(GPG_ERR_CANCELED);
		loop->done = true;
	}
	loop->done = false;
	return loop->result;
}

enum err pgp_loop_check(const struct pgp_loop *loop, struct errmsg *em)
{
	if (!loop || !loop->late)
		return OK;
	return err_set(em, ERR_TIMEOUT, "GnuPG did not finish within %ld seconds (OKW_PGP_TIMEOUT)", loop->seconds);
}
