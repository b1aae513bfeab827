#include "image/entry_attributes.h"
#include "image/layer_apply.h"
#include "image/layer_crew.h"
#include "image/layer_open.h"
#include "image/unpack.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lowest layer is unpacked into the tree itself; each other one into a folder of its own, and moved into the tree
 * when it is its turn. */
struct run {
	const struct unpack_layers *u;
	struct layer_keys *keys;
	pthread_mutex_t lock; /* guards what follows */
	uint64_t size;
	size_t left_out;
};

struct layer_job {
	struct run *run;
	struct layer_turn *turn;
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
		if (watch_interrupted(layer_turn_watch(job->turn)))
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
		.number = job->turn->number,
		.diff_id = u->diff_ids[job->turn->number],
		.keys = job->run->keys,
		.watch = layer_turn_watch(job->turn),
		.progress = &job->turn->progress,
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

static void left_out_count(struct run *r, const struct layer_apply *apply)
{
	pthread_mutex_lock(&r->lock);
	r->left_out += layer_apply_left_out(apply);
	pthread_mutex_unlock(&r->lock);
}

/* Into the tree, which holds all that lies below, or knows where that is. */
static enum err layer_apply_there(struct layer_job *job, struct errmsg *em)
{
	const struct unpack_layers *u = job->run->u;
	const struct apply_options how = { .place = job->turn->number == 0 ? APPLY_LOWEST : APPLY_OVER,
					   .unprivileged = u->options->unprivileged };
	AUTO(layer_apply) *apply = NULL;
	struct tree *tree = u->tree;
	enum err e = u->layered ? layered_tree(u->layered, job->turn->number, &tree, em) : OK;
	if (e == OK)
		e = layer_apply_new(tree, &how, &apply, em);
	if (e == OK)
		e = layer_read(job, apply, em);
	if (e == OK)
		e = layer_apply_finish(apply, em);
	if (e == OK)
		left_out_count(job->run, apply);
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
		e = layer_turn_await_below(job->turn, em);
	if (e == OK)
		e = layer_apply_merge(apply, u->tree, em);
	*anew = apply && layer_apply_needs_lower(apply);
	if (e == OK)
		left_out_count(job->run, apply);
	return e;
}

static enum err layer_apply_anew(struct layer_job *job, struct errmsg *em)
{
	struct run *r = job->run;
	enum err e = layer_turn_await_below(job->turn, em);
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
	if (job->turn->number == 0)
		return layer_apply_there(job, em);
	if (r->u->layered) {
		enum err e = layer_turn_await_below(job->turn, em);
		return e == OK ? layer_apply_there(job, em) : e;
	}
	snprintf(name, sizeof name, ".layer-%zu", job->turn->number);
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

static enum err turn_run(void *user, struct layer_turn *turn, struct errmsg *em)
{
	struct layer_job job = { .run = user, .turn = turn };
	turn->progress.action = "unpack";
	return layer_unpack(&job, em);
}

enum err unpack_layers_run(const struct unpack_layers *u, size_t *left_out, struct errmsg *em)
{
	AUTO(layer_keys) *keys = NULL;
	const struct image_unpack_options *o = u->options;
	const struct watch watch = { o->progress, o->progress_user, o->interrupted, o->interrupted_user };
	struct run r = { .u = u };
	enum err e = layer_keys_start(u->manifest, o->keys, &keys, em);
	if (e != OK)
		return e;
	r.keys = keys;
	const struct layer_work work = {
		.manifest = u->manifest,
		.watch = &watch,
		.keys = keys,
		.unpacks = true,
		.run = turn_run,
		.user = &r,
	};
	pthread_mutex_init(&r.lock, NULL);
	e = layer_crew_run(&work, em);
	pthread_mutex_destroy(&r.lock);
	*left_out = r.left_out;
	return e;
}
