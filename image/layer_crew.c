#include "image/layer_crew.h"

#include "common/thread.h"

#define MEMORY_MAX ((size_t)16 << 20)
#define MEMORY_LAYER ((size_t)2 << 20)
#define MEMORY_ZSTD ((size_t)11 << 20)

enum { WORKERS_MAX = MEMORY_MAX / MEMORY_LAYER };

struct layer_crew {
	const struct layer_work *work;
	struct watch watch;
	pthread_mutex_t telling; /* held while progress is told of */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool *done; /* one a layer */
	size_t next; /* layer to be taken */
	size_t memory; /* of the layers that are under way */
	enum err failed; /* the first that did */
	struct errmsg em;
};

static void telling(void *user, const struct image_progress *p)
{
	struct layer_crew *c = user;
	pthread_mutex_lock(&c->telling);
	watch_tell(c->work->watch, p);
	pthread_mutex_unlock(&c->telling);
}

static bool ended(void *user)
{
	struct layer_crew *c = user;
	pthread_mutex_lock(&c->lock);
	bool failed = c->failed != OK;
	pthread_mutex_unlock(&c->lock);
	return failed || watch_interrupted(c->work->watch);
}

const struct watch *layer_turn_watch(const struct layer_turn *turn)
{
	return &turn->crew->watch;
}

static enum err done_await(struct layer_crew *c, size_t n, struct errmsg *em)
{
	pthread_mutex_lock(&c->lock);
	while (!c->done[n] && c->failed == OK)
		pthread_cond_wait(&c->changed, &c->lock);
	bool good = c->failed == OK;
	pthread_mutex_unlock(&c->lock);
	return good ? OK : err_set(em, ERR_IO, "interrupted");
}

enum err layer_turn_await_below(const struct layer_turn *turn, struct errmsg *em)
{
	return turn->number > 0 ? done_await(turn->crew, turn->number - 1, em) : OK;
}

/* Those that are the same wait for each other in a row, so that the nearest one says enough. */
enum err layer_turn_await_twin(const struct layer_turn *turn, struct errmsg *em)
{
	const struct descriptor *layers = turn->crew->work->manifest->layers;
	size_t n = turn->number;
	while (n > 0 && strcmp(layers[n - 1].digest, layers[turn->number].digest) != 0)
		n--;
	return n > 0 ? done_await(turn->crew, n - 1, em) : OK;
}

static size_t memory_of(const struct layer_crew *c, size_t n)
{
	return c->work->unpacks && strstr(c->work->manifest->layers[n].media_type, "zstd") ? MEMORY_ZSTD : MEMORY_LAYER;
}

/* False: there is none left, or no use. */
static bool turn_take(struct layer_crew *c, size_t *number)
{
	const size_t count = c->work->manifest->layer_count;
	pthread_mutex_lock(&c->lock);
	while (c->next < count && c->failed == OK && c->memory > 0 && c->memory + memory_of(c, c->next) > MEMORY_MAX)
		pthread_cond_wait(&c->changed, &c->lock);
	bool taken = c->next < count && c->failed == OK;
	if (taken) {
		*number = c->next++;
		c->memory += memory_of(c, *number);
	}
	pthread_mutex_unlock(&c->lock);
	return taken;
}

static void turn_end(struct layer_turn *turn, enum err e, const struct errmsg *em)
{
	struct layer_crew *c = turn->crew;
	/* Before those that wait for it go on: where all wait, they are told of in their order. */
	if (e == OK) {
		turn->progress.done = turn->progress.total;
		turn->progress.finished = true;
		telling(c, &turn->progress);
	}
	pthread_mutex_lock(&c->lock);
	c->memory -= memory_of(c, turn->number);
	c->done[turn->number] = e == OK;
	if (c->failed == OK && e != OK) {
		c->failed = e;
		c->em = *em;
	}
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (e != OK && c->work->keys)
		layer_keys_stop(c->work->keys);
}

static void *worker_run(void *argument)
{
	struct layer_crew *c = argument;
	const struct manifest *m = c->work->manifest;
	struct layer_turn turn = { .crew = c };
	while (turn_take(c, &turn.number)) {
		const struct descriptor *layer = &m->layers[turn.number];
		struct errmsg em = { "" };
		turn.progress = (struct image_progress){
			.layer = (unsigned)turn.number,
			.layers = (unsigned)m->layer_count,
			.total = (uint64_t)layer->size,
			.digest = layer->digest,
		};
		enum err e = c->work->run(c->work->user, &turn, &em);
		if (e != OK)
			e = err_wrap(&em, e, "layer %zu (%s)", turn.number, layer->digest);
		turn_end(&turn, e, &em);
	}
	return NULL;
}

/* One worker is this thread. */
static void workers_run(struct layer_crew *c)
{
	pthread_t threads[WORKERS_MAX];
	size_t count = processor_count();
	size_t started = 0;
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	if (count > c->work->manifest->layer_count)
		count = c->work->manifest->layer_count;
	while (started + 1 < count && thread_start(&threads[started], worker_run, c) == 0)
		started++;
	worker_run(c);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

enum err layer_crew_run(const struct layer_work *work, struct errmsg *em)
{
	struct layer_crew c = { .work = work };
	c.watch = (struct watch){ work->watch->progress ? telling : NULL, &c, ended, &c };
	c.done = calloc(work->manifest->layer_count + 1, sizeof(*c.done));
	if (!c.done)
		return err_nomem(em, "layers");
	pthread_mutex_init(&c.telling, NULL);
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.changed, NULL);
	workers_run(&c);
	pthread_cond_destroy(&c.changed);
	pthread_mutex_destroy(&c.lock);
	pthread_mutex_destroy(&c.telling);
	free(c.done);
	return c.failed == OK ? OK : err_set(em, c.failed, "%s", c.em.text);
}
