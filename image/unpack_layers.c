#include "image/entry_attributes.h"
#include "image/layer_apply.h"
#include "image/layer_open.h"
#include "image/unpack.h"

#include "common/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Workers take the layers from the lowest up. The lowest is unpacked into the tree itself; each other one into a folder
 * of its own, and moved into the tree when it is its turn. What the buffers of those under way hold in all is bounded,
 * whatever the number of processors: a zstd frame may ask for a window of 8 MiB. */
#define MEMORY_MAX ((size_t)16 << 20)
#define MEMORY_LAYER ((size_t)2 << 20)
#define MEMORY_ZSTD ((size_t)11 << 20)

struct run {
	const struct unpack_layers *u;
	struct layer_keys *keys;
	struct watch watch;
	pthread_mutex_t telling; /* held while progress is told of */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	size_t next; /* layer to be taken */
	size_t applied; /* so many are in the tree */
	size_t memory; /* of the layers that are under way */
	uint64_t size;
	size_t left_out;
	enum err failed; /* the first that did; the others end then */
	struct errmsg em;
};

static void telling(void *user, const struct image_progress *p)
{
	struct run *r = user;
	pthread_mutex_lock(&r->telling);
	r->u->options->progress(r->u->options->progress_user, p);
	pthread_mutex_unlock(&r->telling);
}

static bool ended(void *user)
{
	struct run *r = user;
	const struct image_unpack_options *o = r->u->options;
	pthread_mutex_lock(&r->lock);
	bool failed = r->failed != OK;
	pthread_mutex_unlock(&r->lock);
	return failed || (o->interrupted && o->interrupted(o->interrupted_user));
}

static void fail(struct run *r, enum err e, const struct errmsg *em)
{
	pthread_mutex_lock(&r->lock);
	if (r->failed == OK) {
		r->failed = e;
		r->em = *em;
	}
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	layer_keys_stop(r->keys);
}

/* --- one layer --------------------------------------------------------------------------------------------------- */

struct layer_job {
	struct run *run;
	size_t number;
	struct image_progress progress;
	uint64_t size; /* of its files so far */
};

static enum err size_count(struct layer_job *job, const struct tar_entry *entry, struct errmsg *em)
{
	struct run *r = job->run;
	uint64_t most = r->u->options->max_size;
	if (entry->type != TAR_FILE)
		return OK;
	pthread_mutex_lock(&r->lock);
	r->size += (uint64_t)entry->stored; /* holes take no room */
	job->size += (uint64_t)entry->stored;
	bool too_large = most > 0 && r->size > most;
	pthread_mutex_unlock(&r->lock);
	return too_large
		       ? err_set(em, ERR_LIMIT, "its files are larger than %llu bytes in all", (unsigned long long)most)
		       : OK;
}

static enum err entries_apply(struct layer_job *job, struct tar *archive, struct layer_apply *apply, struct errmsg *em)
{
	const struct tar_entry *entry = NULL;
	enum err e = OK;
	while (e == OK && (e = tar_next(archive, &entry, em)) == OK && entry) {
		if (watch_interrupted(&job->run->watch))
			return err_set(em, ERR_IO, "interrupted");
		e = size_count(job, entry, em);
		if (e == OK)
			e = layer_apply_entry(apply, entry, archive, em);
	}
	return e;
}

/* Reads it through, applies it, verifies it. */
static enum err layer_read(struct layer_job *job, struct layer_apply *apply, struct errmsg *em)
{
	const struct unpack_layers *u = job->run->u;
	AUTO_OPENED_LAYER opened = { .archive = NULL };
	AUTO(tar) *archive = NULL;
	const struct layer_source from = {
		.image = u->source,
		.manifest = u->manifest,
		.number = job->number,
		.diff_id = u->diff_ids[job->number],
		.keys = job->run->keys,
		.watch = &job->run->watch,
		.progress = &job->progress,
	};
	enum err e = layer_open(&from, &opened, em);
	if (e == OK)
		e = tar_open(steal(&opened.archive), &archive, em);
	if (e == OK)
		e = entries_apply(job, archive, apply, em);
	/* To the very end: there the digests, and the HMAC, are compared. */
	if (e == OK)
		e = tar_finish(archive, em);
	if (e == OK)
		e = layer_check_end(&opened, from.diff_id, em);
	return e;
}

static enum err turn_await(struct layer_job *job, struct errmsg *em)
{
	struct run *r = job->run;
	pthread_mutex_lock(&r->lock);
	while (r->applied < job->number && r->failed == OK)
		pthread_cond_wait(&r->changed, &r->lock);
	bool good = r->failed == OK;
	pthread_mutex_unlock(&r->lock);
	return good ? OK : err_set(em, ERR_IO, "interrupted");
}

/* It is told of before the next one may be, so that they are told of in their order. */
static void turn_end(struct layer_job *job, const struct layer_apply *apply)
{
	struct run *r = job->run;
	struct image_progress whole = job->progress;
	whole.done = whole.total;
	whole.finished = true;
	watch_tell(&r->watch, &whole);
	pthread_mutex_lock(&r->lock);
	r->applied = job->number + 1;
	r->left_out += layer_apply_left_out(apply);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* Into the tree, which holds all that lies below, or knows where that is. */
static enum err layer_apply_there(struct layer_job *job, struct errmsg *em)
{
	const struct unpack_layers *u = job->run->u;
	const struct apply_options how = { .place = job->number == 0 ? APPLY_LOWEST : APPLY_OVER,
					   .unprivileged = u->options->unprivileged };
	AUTO(layer_apply) *apply = NULL;
	struct tree *tree = u->tree;
	enum err e = u->layered ? layered_tree(u->layered, job->number, &tree, em) : OK;
	if (e == OK)
		e = layer_apply_new(tree, &how, &apply, em);
	if (e == OK)
		e = layer_read(job, apply, em);
	if (e == OK)
		e = layer_apply_finish(apply, em);
	if (e == OK)
		turn_end(job, apply);
	return e;
}

static enum err folder_make(int around, const char *name, struct tree *out, struct errmsg *em)
{
	if (mkdirat(around, name, 0700) != 0)
		return err_errno(em, ERR_IO, "a folder for a layer");
	int folder = openat(around, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return err_errno(em, ERR_IO, "a folder for a layer");
	attributes_drop(folder);
	return tree_open(folder, out, em);
}

/* Into `own`. *anew: that cannot be told without the layers below. */
static enum err layer_apply_beside(struct layer_job *job, struct tree *own, bool *anew, struct errmsg *em)
{
	const struct unpack_layers *u = job->run->u;
	const struct apply_options how = { .place = APPLY_AHEAD, .unprivileged = u->options->unprivileged };
	AUTO(layer_apply) *apply = NULL;
	enum err e = layer_apply_new(own, &how, &apply, em);
	if (e == OK)
		e = layer_read(job, apply, em);
	if (e == OK)
		e = turn_await(job, em);
	if (e == OK)
		e = layer_apply_merge(apply, u->tree, em);
	*anew = apply && layer_apply_needs_lower(apply);
	if (e == OK)
		turn_end(job, apply);
	return e;
}

static enum err layer_apply_anew(struct layer_job *job, struct errmsg *em)
{
	struct run *r = job->run;
	enum err e = turn_await(job, em);
	pthread_mutex_lock(&r->lock);
	r->size -= job->size;
	pthread_mutex_unlock(&r->lock);
	return e == OK ? layer_apply_there(job, em) : e;
}

static enum err layer_unpack(struct layer_job *job, struct errmsg *em)
{
	struct run *r = job->run;
	struct tree own = { .root = -1, .parent = -1 };
	char name[32];
	bool anew = false;
	if (job->number == 0)
		return layer_apply_there(job, em);
	if (r->u->layered) {
		enum err e = turn_await(job, em);
		return e == OK ? layer_apply_there(job, em) : e;
	}
	snprintf(name, sizeof name, ".layer-%zu", job->number);
	enum err e = folder_make(r->u->around, name, &own, em);
	if (e == OK)
		e = layer_apply_beside(job, &own, &anew, em);
	tree_close(&own);
	struct errmsg em_left = { "" };
	enum err left = tree_remove(r->u->around, name, &em_left);
	if (anew)
		e = layer_apply_anew(job, em);
	return e == OK && left != OK ? err_set(em, left, "%s", em_left.text) : e;
}

static enum err job_run(struct layer_job *job, struct errmsg *em)
{
	const struct descriptor *layer = &job->run->u->manifest->layers[job->number];
	job->progress = (struct image_progress){
		.layer = (unsigned)job->number,
		.layers = (unsigned)job->run->u->manifest->layer_count,
		.total = (uint64_t)layer->size,
		.digest = layer->digest,
		.action = "unpack",
	};
	enum err e = layer_unpack(job, em);
	return e == OK ? OK : err_wrap(em, e, "layer %zu (%s)", job->number, layer->digest);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static size_t memory_of(const struct descriptor *layer)
{
	return strstr(layer->media_type, "zstd") ? MEMORY_ZSTD : MEMORY_LAYER;
}

/* False: there is none left, or no use. */
static bool layer_take(struct run *r, size_t *number, size_t *memory)
{
	const struct manifest *m = r->u->manifest;
	pthread_mutex_lock(&r->lock);
	while (r->next < m->layer_count && r->failed == OK && r->memory > 0 &&
	       r->memory + memory_of(&m->layers[r->next]) > MEMORY_MAX)
		pthread_cond_wait(&r->changed, &r->lock);
	bool taken = r->next < m->layer_count && r->failed == OK;
	if (taken) {
		*number = r->next++;
		*memory = memory_of(&m->layers[*number]);
		r->memory += *memory;
	}
	pthread_mutex_unlock(&r->lock);
	return taken;
}

static void *worker_run(void *argument)
{
	struct run *r = argument;
	size_t memory = 0;
	struct layer_job job = { .run = r };
	while (layer_take(r, &job.number, &memory)) {
		struct errmsg em = { "" };
		job.size = 0;
		enum err e = job_run(&job, &em);
		if (e != OK)
			fail(r, e, &em);
		pthread_mutex_lock(&r->lock);
		r->memory -= memory;
		pthread_cond_broadcast(&r->changed);
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

enum { WORKERS_MAX = MEMORY_MAX / MEMORY_LAYER };

/* One worker is this thread. */
static void workers_run(struct run *r)
{
	pthread_t threads[WORKERS_MAX];
	size_t count = processor_count();
	size_t started = 0;
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	if (count > r->u->manifest->layer_count)
		count = r->u->manifest->layer_count;
	while (started + 1 < count && thread_start(&threads[started], worker_run, r) == 0)
		started++;
	worker_run(r);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

enum err unpack_layers_run(const struct unpack_layers *u, size_t *left_out, struct errmsg *em)
{
	AUTO(layer_keys) *keys = NULL;
	struct run r = { .u = u };
	enum err e = layer_keys_start(u->manifest, u->options->keys, &keys, em);
	if (e != OK)
		return e;
	r.keys = keys;
	r.watch = (struct watch){ u->options->progress ? telling : NULL, &r, ended, &r };
	pthread_mutex_init(&r.telling, NULL);
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	workers_run(&r);
	pthread_cond_destroy(&r.changed);
	pthread_mutex_destroy(&r.lock);
	pthread_mutex_destroy(&r.telling);
	*left_out = r.left_out;
	return r.failed == OK ? OK : err_set(em, r.failed, "%s", r.em.text);
}
