#include "image/image.h"
#include "image/path_set.h"
#include "image/store_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- list ------------------------------------------------------------------------------------------------------ */

struct listing {
	const struct store *store;
	json_object *images;
};

static uint64_t image_size(const struct store *s, const struct store_record *r)
{
	uint64_t size = (uint64_t)r->manifest.size + (uint64_t)r->config.size;
	for (size_t i = 0; i < json_object_array_length(r->layers); i++) {
		struct held_layer h;
		if (held_layer_read(s, json_object_get_string(json_object_array_get_idx(r->layers, i)), &h, NULL) == OK)
			size += (uint64_t)h.blob.size;
		held_layer_clear(&h);
	}
	return size;
}

static enum err image_list(void *ctx, const char *file, struct errmsg *em)
{
	const struct listing *l = ctx;
	AUTO_STORE_RECORD r = { .root = NULL };
	AUTO_OF(json_object) *image = json_object_new_object();
	enum err e = store_record_read(l->store, file, &r, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? OK : e; /* removed just now */
	bool made = json_add_text(image, "name", r.name) && json_add_text(image, "digest", r.manifest.digest) &&
		    json_add(image, "size", json_object_new_int64((int64_t)image_size(l->store, &r))) &&
		    json_add(image, "layers", json_object_new_int64((int64_t)json_object_array_length(r.layers))) &&
		    json_add(image, "pulled", json_object_new_int64(r.pulled));
	return made && json_add(l->images, NULL, steal(&image)) ? OK : err_nomem(em, "a list");
}

static int by_name(const void *a, const void *b)
{
	json_object *const *one = a;
	json_object *const *two = b;
	return strcmp(json_object_get_string(json_object_object_get(*one, "name")),
		      json_object_get_string(json_object_object_get(*two, "name")));
}

enum err image_store_list(const char *store, json_object **out, struct errmsg *em)
{
	AUTO_STORE s = { .dir = -1 };
	AUTO_OF(json_object) *images = json_object_new_array();
	struct listing l = { &s, images };
	enum err e = images ? store_open(store, STORE_LOOK, &s, em) : err_nomem(em, "a list");
	if (e != OK)
		return e;
	e = store_each(&s, "images", image_list, &l, em);
	if (e != OK)
		return err_wrap(em, e, "store %s", s.path);
	json_object_array_sort(images, by_name);
	*out = steal(&images);
	return OK;
}

/* --- remove ---------------------------------------------------------------------------------------------------- */

static enum err file_remove(const struct store *s, const char *path, struct errmsg *em)
{
	AUTO_FD
	int folder = -1;
	const char *leaf = NULL;
	enum err e = beneath_parent((struct beneath){ s->dir, path }, &folder, &leaf, em);
	if (e == OK && unlinkat(folder, leaf, 0) != 0 && errno != ENOENT)
		e = err_errno(em, ERR_IO, "removing %s", path);
	return e;
}

enum err image_store_remove(const char *store, const char *name, struct errmsg *em)
{
	AUTO_STORE s = { .dir = -1 };
	AUTO_STORE_RECORD r = { .root = NULL };
	char path[STORE_PATH_SIZE];
	enum err e = store_open(store, STORE_LOOK, &s, em);
	if (e != OK)
		return e;
	e = store_record_find(&s, name, &r, em);
	/* An image's file that makes no sense can be removed by the whole name. */
	if (e == OK || e == ERR_PARSE)
		e = store_record_path(r.root ? r.name : name, path, em);
	if (e == OK)
		e = file_remove(&s, path, em);
	if (e == OK)
		e = beneath_sync((struct beneath){ s.dir, "images" }, em);
	return e == OK ? OK : err_wrap(em, e, "store %s", s.path);
}

/* --- gc -------------------------------------------------------------------------------------------------------- */

struct gc {
	const struct store *store;
	struct path_set needed; /* paths in the store */
	const char *folder; /* that is being cleared up */
	struct image_store_freed freed;
};

static enum err blob_need(struct gc *gc, const char *digest, struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	enum err e = digest_path(digest, path, em);
	return e == OK ? path_set_add(&gc->needed, path, em) : e;
}

static enum err layer_need(struct gc *gc, const char *digest, struct errmsg *em)
{
	char path[STORE_PATH_SIZE];
	struct held_layer h;
	enum err e = held_layer_read(gc->store, digest, &h, em);
	if (e == OK)
		e = held_layer_path(digest, path, em);
	if (e == OK)
		e = path_set_add(&gc->needed, path, em);
	if (e == OK)
		e = blob_need(gc, h.blob.digest, em);
	held_layer_clear(&h);
	/* What is not there, or makes no sense, is of no use to the image either: it must be pulled again. */
	return e == ERR_NOT_FOUND || e == ERR_PARSE ? OK : e;
}

/* What is not there or makes no sense needs nothing; a machine without memory or a failing disk is no reason to forget.
 */
static enum err unless_fault(enum err e)
{
	return e == ERR_NOMEM || e == ERR_IO ? e : OK;
}

/* What sigstore's tools put beside an image, as far as it is here: manifests and their layers, in a list or by itself.
 */
static enum err manifest_need(struct gc *gc, const struct descriptor *d, bool listed, struct errmsg *em)
{
	AUTO_RAW_MANIFEST raw = { 0 };
	AUTO(manifest) *m = NULL;
	AUTO(index) *index = NULL;
	enum err e = blob_need(gc, d->digest, em);
	if (e == OK)
		e = layout_read_manifest(gc->store->dir, d, &raw, em);
	if (e == OK && !listed)
		e = unless_fault(index_parse(buf_bytes(&raw.bytes), raw.media_type, &index, em));
	for (size_t i = 0; e == OK && index && i < index->count; i++)
		e = manifest_need(gc, &index->manifests[i], true, em);
	if (e == OK && !index)
		e = manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &m, em);
	for (size_t i = 0; e == OK && m && i < m->layer_count; i++)
		e = blob_need(gc, m->layers[i].digest, em);
	return unless_fault(e);
}

static enum err beside_need(struct gc *gc, json_object *entry, struct errmsg *em)
{
	struct descriptor d;
	const char *tag = NULL;
	enum err e = store_record_beside(entry, &tag, &d, em);
	return e == OK ? manifest_need(gc, &d, false, em) : e;
}

static enum err image_need(void *ctx, const char *file, struct errmsg *em)
{
	struct gc *gc = ctx;
	AUTO_STORE_RECORD r = { .root = NULL };
	enum err e = store_record_read(gc->store, file, &r, em);
	if (e == OK)
		e = blob_need(gc, r.manifest.digest, em);
	if (e == OK)
		e = blob_need(gc, r.config.digest, em);
	for (size_t i = 0; e == OK && i < json_object_array_length(r.layers); i++)
		e = layer_need(gc, json_object_get_string(json_object_array_get_idx(r.layers, i)), em);
	for (size_t i = 0; e == OK && i < json_object_array_length(r.signatures); i++) {
		struct descriptor d;
		e = descriptor_read(json_object_array_get_idx(r.signatures, i), &d, em);
		if (e == OK)
			e = blob_need(gc, d.digest, em);
	}
	for (size_t i = 0; e == OK && i < json_object_array_length(r.beside); i++)
		e = beside_need(gc, json_object_array_get_idx(r.beside, i), em);
	return e;
}

static enum err file_judge(void *ctx, const char *name, struct errmsg *em)
{
	struct gc *gc = ctx;
	struct stat st;
	AUTO_STR
	char *path = NULL;
	if (asprintf(&path, "%s/%s", gc->folder, name) < 0) {
		path = NULL;
		return err_nomem(em, "a path");
	}
	if (path_set_has(&gc->needed, path))
		return OK;
	if (fstatat(gc->store->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		gc->freed.bytes += (uint64_t)st.st_size;
	gc->freed.files++;
	return file_remove(gc->store, path, em);
}

static enum err gc_run(struct gc *gc, struct errmsg *em)
{
	/* What leads to blobs before them. */
	static const char *const folders[] = { "layers/sha256", "layers/sha384", "layers/sha512",
					       "blobs/sha256",  "blobs/sha384",  "blobs/sha512" };
	enum err e = store_each(gc->store, "images", image_need, gc, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(folders); i++) {
		gc->folder = folders[i];
		e = store_each(gc->store, folders[i], file_judge, gc, em);
	}
	return e;
}

enum err image_store_gc(const char *store, struct image_store_freed *out, struct errmsg *em)
{
	AUTO_STORE s = { .dir = -1 };
	struct gc gc = { .store = &s };
	enum err e = store_open(store, STORE_CLEAR, &s, em);
	if (e != OK)
		return e;
	e = gc_run(&gc, em);
	path_set_clear(&gc.needed);
	*out = gc.freed;
	return e == OK ? OK : err_wrap(em, e, "store %s", s.path);
}
