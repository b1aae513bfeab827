#include "common/stream_ahead.h"

#include "common/thread.h"

enum { SLOTS = 4, SLOT_SIZE = 64 << 10 };

struct slot {
	uint8_t data[SLOT_SIZE];
	size_t len;
};

/* A ring: the thread fills slots[written % SLOTS], the reader takes from slots[taken % SLOTS]. */
struct ahead {
	struct stream *inner; /* the thread's */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows; never held while inner is read */
	pthread_cond_t changed;
	struct slot slots[SLOTS];
	size_t written, taken;
	bool ended; /* nothing follows what is written, because... */
	enum err result; /* ...OK: that was all */
	struct errmsg em;
	bool stop; /* nobody reads any more */
	size_t at; /* the reader's, in its slot */
};

/* A slot full, or what there is before the end. */
static enum err slot_fill(struct ahead *a, struct slot *slot, bool *end, struct errmsg *em)
{
	slot->len = 0;
	*end = false;
	while (slot->len < SLOT_SIZE) {
		size_t got = 0;
		enum err e = stream_read(
			a->inner, (struct stream_window){ slot->data + slot->len, SLOT_SIZE - slot->len }, &got, em);
		if (e != OK)
			return e;
		if (got == 0) {
			*end = true;
			return OK;
		}
		slot->len += got;
	}
	return OK;
}

/* False: the reader is gone. */
static bool room_await(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->written - a->taken == SLOTS && !a->stop)
		pthread_cond_wait(&a->changed, &a->lock);
	bool go_on = !a->stop;
	pthread_mutex_unlock(&a->lock);
	return go_on;
}

static void *ahead_run(void *argument)
{
	struct ahead *a = argument;
	bool end = false;
	enum err e = OK;
	while (!end && e == OK && room_await(a)) {
		struct slot *slot = &a->slots[a->written % SLOTS];
		struct errmsg em = { "" };
		e = slot_fill(a, slot, &end, &em);
		pthread_mutex_lock(&a->lock);
		a->written += slot->len > 0;
		a->ended = end || e != OK;
		a->result = e;
		a->em = em;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* *slot: NULL at the end. */
static enum err slot_await(struct ahead *a, struct slot **slot, struct errmsg *em)
{
	enum err e = OK;
	*slot = NULL;
	pthread_mutex_lock(&a->lock);
	while (a->written == a->taken && !a->ended)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->written != a->taken)
		*slot = &a->slots[a->taken % SLOTS];
	else if (a->result != OK)
		e = err_set(em, a->result, "%s", a->em.text);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err ahead_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct ahead *a = ctx;
	struct slot *slot = NULL;
	*got = 0;
	enum err e = slot_await(a, &slot, em);
	if (e != OK || !slot)
		return e;
	size_t left = slot->len - a->at;
	*got = left < to.len ? left : to.len;
	memcpy(to.data, slot->data + a->at, *got);
	a->at += *got;
	if (a->at < slot->len)
		return OK;
	a->at = 0;
	pthread_mutex_lock(&a->lock);
	a->taken++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	return OK;
}

static void ahead_clear(struct ahead *a)
{
	stream_free(a->inner);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void ahead_free(void *ctx)
{
	struct ahead *a = ctx;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	ahead_clear(a);
}

enum err stream_ahead(struct stream *inner, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { ahead_read, ahead_free };
	struct ahead *a = calloc(1, sizeof *a);
	if (!a) {
		stream_free(inner);
		return err_set(em, ERR_NOMEM, "no memory to read ahead");
	}
	a->inner = inner;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	if (thread_start(&a->thread, ahead_run, a) != 0) {
		ahead_clear(a);
		return err_set(em, ERR_NOMEM, "no memory to read ahead");
	}
	return stream_new(&ops, a, out, em);
}
