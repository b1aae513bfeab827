#include "image/copy.h"

#include "image/gunzip.h"

#include <stdio.h>

/* The source's blob, verified and watched. */
static enum err blob_open(struct copy *c, const struct copy_blob *blob, struct stream **out, struct errmsg *em)
{
	struct stream *bytes = NULL;
	enum err e = image_source_blob(c->source, blob->what, "blob", &bytes, em);
	return e == OK ? watched_stream(bytes, blob->watch, blob->progress, out, em) : e;
}

enum err copy_blob(struct copy *c, const struct copy_blob *blob, struct errmsg *em)
{
	struct blob_id id = { .size = blob->what->size };
	struct stream *bytes = NULL;
	bool has = false;
	snprintf(id.digest, sizeof(id.digest), "%s", blob->what->digest);
	enum err e = c->destination->ops->has_blob(c->destination, &id, &has, em);
	if (e == OK && has && blob->progress)
		blob->progress->kept = true;
	if (e != OK || has)
		return e;
	e = blob_open(c, blob, &bytes, em);
	return e == OK ? c->destination->ops->put_blob(c->destination, bytes, &id, em) : e;
}

struct layer_job {
	struct copy *copy;
	struct layer_turn *turn;
	const struct descriptor *layer;
	struct layer_change *change;
	struct copy_blob blob;
};

static enum err out_of_memory(struct errmsg *em)
{
	return err_set(em, ERR_NOMEM, "no memory");
}

/* image-spec, "Non-distributable layers": the bytes may be elsewhere. */
static bool layer_is_elsewhere(const struct descriptor *d)
{
	return json_object_object_get_ex(d->json, "urls", NULL) &&
	       (strstr(d->media_type, ".nondistributable.") || strstr(d->media_type, ".foreign."));
}

static enum err job_copy(struct layer_job *job, struct errmsg *em)
{
	struct errmsg missing = { "" };
	enum err e = layer_turn_await_twin(job->turn, &missing);
	if (e == OK)
		e = copy_blob(job->copy, &job->blob, &missing);
	if (e == OK || (e == ERR_NOT_FOUND && layer_is_elsewhere(job->layer)))
		return OK;
	return err_set(em, e, "%s", missing.text);
}

/* Pulls the pipe into the destination: the blob counts there only if the pipe reported its verified end. */
static enum err job_pump(struct layer_job *job, struct layer_pipe *pipe, struct errmsg *em)
{
	struct stream *end = NULL;
	struct blob_id id = { .digest = "" };
	enum err e = layer_pipe_stream(pipe, &end, em);
	if (e == OK)
		e = job->copy->destination->ops->put_blob(job->copy->destination, end, &id, em);
	if (e != OK)
		return e;
	snprintf(job->change->digest, sizeof(job->change->digest), "%s", id.digest);
	job->change->size = id.size;
	job->change->changed = true;
	return OK;
}

static enum err job_encrypt(struct layer_job *job, struct errmsg *em)
{
	AUTO(layer_pipe) *pipe = NULL;
	struct okw_annotations old = { 0 };
	struct stream *blob = NULL;
	const char *media_type = media_type_oci_layer(job->layer->media_type);
	job->change->media_type = okw_media_type_encrypted(media_type);
	if (!job->change->media_type)
		return err_set(em, ERR_UNSUPPORTED, "layers of type %s cannot be encrypted", media_type);
	enum err e = layer_annotations(job->layer, &old, em);
	if (e == OK && okw_layer_is_encrypted(&old))
		e = err_set(em, ERR_PARSE, "it has keys of an encrypted layer, but not the media type of one");
	okw_annotations_clear(&old);
	if (e == OK)
		e = blob_open(job->copy, &job->blob, &blob, em);
	if (e == OK)
		e = layer_pipe_encrypt(job->copy->options->keys, blob, &pipe, em);
	if (e == OK)
		e = job_pump(job, pipe, em);
	return e == OK ? layer_pipe_annotations(pipe, &job->change->add, em) : e;
}

/* Peers that compress a layer on its way to encryption seal the digest of what they started from. */
static enum err job_check_unpacked(struct layer_job *job, const char *digest, struct errmsg *em)
{
	struct blob_id id = { .size = job->change->size };
	struct stream *back = NULL;
	AUTO(stream) *plain = NULL;
	snprintf(id.digest, sizeof(id.digest), "%s", job->change->digest);
	enum err e = job->copy->destination->ops->read_back(job->copy->destination, &id, &back, em);
	if (e == OK)
		e = gunzip_stream(back, &back, em);
	if (e == OK)
		e = stream_verify(back, (struct stream_expect){ digest, -1, "decompressed layer" }, &plain, em);
	uint8_t chunk[16384] = { 0 };
	for (size_t got = 1; e == OK && got > 0;) {
		if (watch_interrupted(job->blob.watch))
			return err_set(em, ERR_IO, "interrupted");
		e = stream_read(plain, (struct stream_window){ chunk, sizeof(chunk) }, &got, em);
	}
	if (e != ERR_INTEGRITY && e != ERR_PARSE)
		return e;
	return err_set(em, ERR_INTEGRITY,
		       "neither the decrypted layer, %s, nor what it unpacks to is the %s that was encrypted",
		       id.digest, digest);
}

static enum err job_decrypt(struct layer_job *job, struct errmsg *em)
{
	AUTO(layer_pipe) *pipe = NULL;
	AUTO(stream) *blob = NULL;
	job->change->drop_keys = true;
	job->change->media_type = okw_media_type_plain(job->layer->media_type);
	if (!job->change->media_type)
		return err_set(em, ERR_UNSUPPORTED, "layers of type %s cannot be decrypted", job->layer->media_type);
	/* The first bytes arrive while the key is waited for. */
	enum err e = blob_open(job->copy, &job->blob, &blob, em);
	if (e == OK)
		e = layer_keys_take(job->copy->keys, job->turn->number, &pipe, em);
	if (e == OK) {
		layer_pipe_feed(pipe, steal(&blob));
		e = job_pump(job, pipe, em);
	}
	const char *other = e == OK ? layer_pipe_other_digest(pipe) : NULL;
	return other ? job_check_unpacked(job, other, em) : e;
}

static enum err job_add_recipients(struct layer_job *job, struct errmsg *em)
{
	struct layer_change *change = job->change;
	struct okw_error error = { 0 };
	enum err e = layer_annotations(job->layer, &change->add, em);
	if (e == OK)
		e = image_err_from_okw(okw_add_recipients(job->copy->options->keys, &change->add, &error), &error, em);
	if (e == OK)
		e = job_copy(job, em);
	if (e != OK)
		return e;
	change->media_type = strdup(job->layer->media_type);
	snprintf(change->digest, sizeof(change->digest), "%s", job->layer->digest);
	change->size = job->layer->size;
	change->changed = true;
	return change->media_type ? OK : out_of_memory(em);
}

struct layer_action {
	const char *name;
	enum err (*run)(struct layer_job *job, struct errmsg *em);
};

static const struct layer_action action_copy = { "copy", job_copy };
static const struct layer_action action_encrypt = { "encrypt", job_encrypt };
static const struct layer_action action_decrypt = { "decrypt", job_decrypt };
static const struct layer_action action_add_recipients = { "add recipients", job_add_recipients };

static const struct layer_action *action_choose(const struct image_copy_options *options,
						const struct descriptor *layer, bool selected)
{
	bool encrypted = media_type_is_encrypted(layer->media_type);
	if (selected && !encrypted)
		return &action_encrypt;
	if (selected && options->decrypt)
		return &action_add_recipients;
	if (encrypted && options->decrypt && !options->encrypt)
		return &action_decrypt;
	return &action_copy;
}

enum err copy_layer(void *copy, struct layer_turn *turn, struct errmsg *em)
{
	struct copy *c = copy;
	const size_t n = turn->number;
	const struct descriptor *layer = &c->manifest->layers[n];
	const struct layer_action *action = action_choose(c->options, layer, c->selected[n]);
	struct layer_job job = {
		.copy = c,
		.turn = turn,
		.layer = layer,
		.change = &c->changes[n],
		.blob = { layer, layer_turn_watch(turn), &turn->progress },
	};
	turn->progress.action = action->name;
	return action->run(&job, em);
}
