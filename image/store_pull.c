#include "image/configuration.h"
#include "image/judged.h"
#include "image/layer_crew.h"
#include "image/layer_open.h"
#include "image/layout_write.h"
#include "image/store_record.h"
#include "image/store_signatures.h"

#include <stdio.h>
#include <time.h>

struct pull {
	const struct image_unpack_options *options;
	struct watch watch; /* of the options */
	struct judged_image image;
	struct manifest *manifest;
	struct layer_keys *keys;
	struct store store;
	json_object *config;
	const char **diff_ids;
};

/* --- a layer on its way in ------------------------------------------------------------------------------------- */

/* Writes what goes by. */
struct keeper {
	struct stream *inner;
	struct staged *to;
	bool *ended;
};

static enum err keeper_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct keeper *k = ctx;
	enum err e = stream_read(k->inner, to, got, em);
	if (e == OK && *got > 0)
		e = staged_write(k->to, (struct bytes){ to.data, *got }, em);
	k->to->id.size += (int64_t)*got;
	*k->ended = e == OK && *got == 0;
	return e;
}

static void keeper_free(void *ctx)
{
	struct keeper *k = ctx;
	stream_free(k->inner);
	free(k);
}

struct arriving {
	const struct layer_turn *turn;
	struct staged staged;
	struct stream_tally tally;
	bool ended;
};

static enum err arriving_tap(void *user, struct stream *from, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { keeper_read, keeper_free };
	struct arriving *a = user;
	struct stream *measured = NULL;
	enum err e = stream_measure(from, &a->tally, &measured, em);
	if (e != OK)
		return e;
	struct keeper *k = malloc(sizeof(*k));
	if (!k) {
		stream_free(measured);
		return err_nomem(em, "a layer");
	}
	*k = (struct keeper){ measured, &a->staged, &a->ended };
	return stream_new(&ops, k, out, em);
}

/* To the very end: there the digests, and the HMAC, are compared. */
static enum err archive_drain(const struct pull *p, struct stream *archive, struct errmsg *em)
{
	const uint64_t most = p->options->max_size;
	const size_t size = (size_t)128 << 10;
	AUTO_BUF
	chunk = { 0 };
	uint64_t unpacked = 0;
	enum err e = buf_reserve(&chunk, size, em);
	for (size_t got = 1; e == OK && got > 0;) {
		e = stream_read(archive, (struct stream_window){ chunk.data, size }, &got, em);
		unpacked += got;
		if (e == OK && most > 0 && unpacked > most)
			e = err_set(em, ERR_LIMIT, "it unpacks to more than %llu bytes", (unsigned long long)most);
	}
	return e;
}

/* Decrypted and verified, but under no name yet. */
static enum err layer_fetch(const struct pull *p, struct arriving *a, struct errmsg *em)
{
	AUTO_OPENED_LAYER opened = { .archive = NULL };
	const struct layer_source from = {
		.image = p->image.source,
		.manifest = p->manifest,
		.number = a->turn->number,
		.diff_id = p->diff_ids[a->turn->number],
		.keys = p->keys,
		.watch = layer_turn_watch(a->turn),
		.progress = &a->turn->progress,
		.tap = arriving_tap,
		.tap_user = a,
	};
	enum err e = layer_open(&from, &opened, em);
	if (e == OK)
		e = archive_drain(p, opened.archive, em);
	if (e == OK)
		e = layer_check_end(&opened, from.diff_id, em);
	if (e == OK && !a->ended)
		e = err_set(em, ERR_INTEGRITY, "there is more behind it than what unpacks");
	if (e != OK)
		return e;
	snprintf(a->staged.id.digest, sizeof a->staged.id.digest, "%s", a->tally.digest);
	return staged_sync(&a->staged, em);
}

static json_object *blob_json(const struct descriptor *layer, const struct blob_id *id)
{
	AUTO_STR
	char *plain = media_type_is_encrypted(layer->media_type) ? okw_media_type_plain(layer->media_type)
								 : strdup(layer->media_type);
	return plain ? store_descriptor(plain, id) : NULL;
}

static enum err layer_take(const struct pull *p, const struct layer_turn *turn, struct errmsg *em)
{
	const size_t n = turn->number;
	struct arriving a = { .turn = turn, .staged = { .fd = -1 } };
	const struct descriptor *layer = &p->manifest->layers[n];
	enum err e = staged_open(p->store.dir, false, &a.staged, em);
	if (e == OK)
		e = layer_fetch(p, &a, em);
	if (e == OK)
		e = store_blob_put(&p->store, &a.staged, em);
	if (e == OK)
		e = held_layer_write(&p->store, layer->digest, p->diff_ids[n], blob_json(layer, &a.staged.id), em);
	staged_discard(&a.staged);
	return e;
}

/* Whoever cannot open an encrypted layer gets nothing of what another opened. */
static enum err key_check(const struct pull *p, size_t n, struct errmsg *em)
{
	AUTO(layer_pipe) *pipe = NULL;
	return media_type_is_encrypted(p->manifest->layers[n].media_type) ? layer_keys_take(p->keys, n, &pipe, em) : OK;
}

/* By the digest of what the manifest means, and with the diff id that the configuration wants. */
static enum err layer_has(const struct pull *p, size_t n, bool *has, struct errmsg *em)
{
	struct held_layer h;
	*has = false;
	enum err e = held_layer_read(&p->store, p->manifest->layers[n].digest, &h, em);
	if (e == OK && strcmp(h.diff_id, p->diff_ids[n]) == 0) {
		struct blob_id id = { .size = h.blob.size };
		snprintf(id.digest, sizeof id.digest, "%s", h.blob.digest);
		e = layout_blob_good(p->store.dir, &id, has, em);
	}
	held_layer_clear(&h);
	/* A file of ours that makes no sense is written anew. */
	return e == ERR_NOT_FOUND || e == ERR_PARSE ? OK : e;
}

static enum err layer_pull(void *user, struct layer_turn *turn, struct errmsg *em)
{
	const struct pull *p = user;
	const size_t n = turn->number;
	turn->progress.action = "pull";
	watch_tell(layer_turn_watch(turn), &turn->progress);
	enum err e = layer_turn_await_twin(turn, em);
	if (e == OK)
		e = layer_has(p, n, &turn->progress.kept, em);
	if (e != OK)
		return e;
	return turn->progress.kept ? key_check(p, n, em) : layer_take(p, turn, em);
}

static enum err layers_pull(struct pull *p, struct errmsg *em)
{
	const struct layer_work work = {
		.manifest = p->manifest,
		.watch = &p->watch,
		.keys = p->keys,
		.unpacks = true,
		.run = layer_pull,
		.user = p,
	};
	return layer_crew_run(&work, em);
}

/* --- the rest --------------------------------------------------------------------------------------------------- */

static enum err config_take(struct pull *p, struct errmsg *em)
{
	const struct descriptor *d = &p->manifest->config;
	struct blob_id id = { .size = d->size };
	char path[DIGEST_PATH_SIZE];
	bool good = false;
	AUTO_BUF
	text = { 0 };
	snprintf(id.digest, sizeof id.digest, "%s", d->digest);
	enum err e = digest_path(d->digest, path, em);
	if (e == OK)
		e = layout_blob_good(p->store.dir, &id, &good, em);
	if (e == OK && good)
		e = beneath_read((struct beneath){ p->store.dir, path }, CONFIG_SIZE_MAX, &text, em);
	else if (e == OK)
		e = image_source_read(p->image.source, (struct blob_wanted){ d, "config", CONFIG_SIZE_MAX }, &text, em);
	const struct store_text config = { d->media_type, d->digest, buf_bytes(&text) };
	if (e == OK && !good)
		e = store_text_put(&p->store, &config, NULL, em);
	return e == OK ? json_parse(buf_bytes(&text), CONFIG_SIZE_MAX, JSON_STRICT, &p->config, em) : e;
}

static enum err config_read(struct pull *p, struct errmsg *em)
{
	size_t count = p->manifest->layer_count;
	enum err e = config_take(p, em);
	if (e != OK)
		return err_wrap(em, e, "config");
	p->diff_ids = calloc(count + 1, sizeof(*p->diff_ids));
	return p->diff_ids ? image_diff_ids(p->config, count, p->diff_ids, em) : err_nomem(em, "diff ids");
}

static json_object *layers_json(const struct manifest *m)
{
	json_object *list = json_object_new_array();
	bool made = list != NULL;
	for (size_t i = 0; i < m->layer_count; i++)
		made = made && json_add(list, NULL, json_object_new_string(m->layers[i].digest));
	if (made)
		return list;
	json_object_put(list);
	return NULL;
}

/* What it is called in the store, and what a policy looks at. */
static bool names_add(const struct pull *p, const char *src, json_object *record)
{
	const struct image_identity *identity = &p->image.source->identity;
	AUTO_STR
	char *name = strcmp(identity->transport, "docker") == 0 ? strdup(identity->scope) : store_record_name(src);
	return json_add_text(record, "name", name) && json_add_text(record, "transport", identity->transport) &&
	       json_add_text(record, "scope", identity->scope) &&
	       (!identity->physical || json_add_text(record, "physical", identity->physical));
}

static enum err record_make(const struct pull *p, const char *src, struct store_evidence *kept, json_object **out,
			    struct errmsg *em)
{
	const struct raw_manifest *raw = &p->image.raw;
	const struct descriptor *config = &p->manifest->config;
	const struct store_text manifest = { raw->media_type, raw->digest, buf_bytes(&raw->bytes) };
	struct blob_id id = { .size = config->size };
	json_object *descriptor = NULL;
	AUTO_OF(json_object) *record = json_object_new_object();
	enum err e = store_text_put(&p->store, &manifest, &descriptor, em);
	if (e != OK)
		return e;
	snprintf(id.digest, sizeof id.digest, "%s", config->digest);
	bool made = json_add(record, "manifest", descriptor) && names_add(p, src, record) &&
		    json_add(record, "config", store_descriptor(config->media_type, &id)) &&
		    json_add(record, "layers", layers_json(p->manifest)) &&
		    json_add(record, "signatures", steal(&kept->signatures)) &&
		    json_add(record, "beside", steal(&kept->beside)) &&
		    json_add(record, "pulled", json_object_new_int64(time(NULL)));
	if (!made)
		return err_nomem(em, "an image's file");
	*out = steal(&record);
	return OK;
}

/* From here on the name means the image. */
static enum err record_put(const struct pull *p, const char *src, struct errmsg *em)
{
	static const struct image_access usual = { 0 };
	struct store_evidence kept;
	char path[STORE_PATH_SIZE];
	AUTO_OF(json_object) *record = NULL;
	const struct evidence ev = {
		.source = p->image.source,
		.raw = &p->image.raw,
		.access = p->options->access ? p->options->access : &usual,
	};
	enum err e = store_evidence_keep(&p->store, &ev, &kept, em);
	if (e == OK)
		e = record_make(p, src, &kept, &record, em);
	store_evidence_clear(&kept);
	if (e == OK)
		e = store_record_path(json_object_get_string(json_object_object_get(record, "name")), path, em);
	return e == OK ? store_file_put(&p->store, path, record, em) : e;
}

static enum err pull_run(struct pull *p, const char *src, const char *store, struct errmsg *em)
{
	const struct image_reading how = { p->options->platform, p->options->access };
	enum err e = judged_image_open(src, &how, NULL, &p->image, em);
	if (e == OK)
		e = manifest_parse(buf_bytes(&p->image.raw.bytes), p->image.raw.media_type, &p->manifest, em);
	if (e == OK)
		e = layer_keys_start(p->manifest, p->options->keys, &p->keys, em);
	if (e == OK)
		e = store_open(store, STORE_FILL, &p->store, em);
	if (e == OK)
		e = config_read(p, em);
	if (e == OK)
		e = layers_pull(p, em);
	return e == OK ? record_put(p, src, em) : e;
}

enum err image_pull(const char *src, const char *store, const struct image_unpack_options *options,
		    struct image_unpacked *out, struct errmsg *em)
{
	struct pull p = {
		.options = options,
		.watch = { options->progress, options->progress_user, options->interrupted, options->interrupted_user },
		.store = { .dir = -1 },
	};
	*out = (struct image_unpacked){ .config = NULL };
	if (strncmp(src, "store:", strlen("store:")) == 0)
		return err_set(em, ERR_ARG, "what is in a store was pulled already: name where it came from");
	enum err e = pull_run(&p, src, store, em);
	snprintf(out->digest, sizeof out->digest, "%s", p.image.raw.digest);
	if (e == OK)
		out->config = steal(&p.config);
	json_object_put(p.config);
	free(p.diff_ids);
	layer_keys_free(p.keys);
	manifest_free(p.manifest);
	judged_image_clear(&p.image);
	store_close(&p.store);
	return e;
}
