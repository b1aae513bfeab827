#include "image/unpack.h"

#include "image/configuration.h"
#include "image/entry_attributes.h"
#include "image/layer_apply.h"
#include "image/layer_open.h"
#include "image/policy_judge.h"
#include "image/staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct unpacking {
	const struct image_unpack_options *options;
	struct image_source *source;
	struct manifest *manifest;
	struct tree tree;
	const char **diff_ids;
	uint64_t size;
	size_t left_out;
};

static enum err size_count(struct unpacking *u, const struct tar_entry *entry, struct errmsg *em)
{
	const struct image_unpack_options *o = u->options;
	if (o->interrupted && o->interrupted(o->interrupted_user))
		return err_set(em, ERR_IO, "interrupted");
	if (entry->type != TAR_FILE)
		return OK;
	u->size += (uint64_t)entry->stored; /* holes take no room */
	if (o->max_size > 0 && u->size > o->max_size)
		return err_set(em, ERR_LIMIT, "its files are larger than %llu bytes in all",
			       (unsigned long long)o->max_size);
	return OK;
}

static enum err archive_apply(struct unpacking *u, struct tar *archive, struct errmsg *em)
{
	AUTO(layer_apply) *apply = NULL;
	const struct apply_options how = { .unprivileged = u->options->unprivileged };
	const struct tar_entry *entry = NULL;
	enum err e = layer_apply_new(&u->tree, &how, &apply, em);
	while (e == OK && (e = tar_next(archive, &entry, em)) == OK && entry) {
		e = size_count(u, entry, em);
		if (e == OK)
			e = layer_apply_entry(apply, entry, archive, em);
	}
	if (e == OK)
		e = layer_apply_finish(apply, em);
	if (e == OK)
		u->left_out += layer_apply_left_out(apply);
	return e;
}

static enum err layer_unpack(struct unpacking *u, size_t n, struct errmsg *em)
{
	AUTO_OPENED_LAYER opened = { .archive = NULL };
	AUTO(tar) *archive = NULL;
	const struct layer_source from = { u->source, &u->manifest->layers[n], u->diff_ids[n], u->options->keys };
	enum err e = layer_open(&from, &opened, em);
	if (e == OK)
		e = tar_open(steal(&opened.archive), &archive, em);
	if (e == OK)
		e = archive_apply(u, archive, em);
	/* To the very end: there the digests, and the HMAC, are compared. */
	if (e == OK)
		e = tar_finish(archive, em);
	if (e == OK)
		e = layer_check_end(&opened, u->diff_ids[n], em);
	return e == OK ? OK : err_wrap(em, e, "layer %zu (%s)", n, u->manifest->layers[n].digest);
}

static void progress_tell(const struct unpacking *u, size_t n, bool finished)
{
	const struct descriptor *layer = &u->manifest->layers[n];
	if (!u->options->progress)
		return;
	u->options->progress(u->options->progress_user,
			     &(struct image_progress){ .layer = (unsigned)n,
						       .layers = (unsigned)u->manifest->layer_count,
						       .done = finished ? (uint64_t)layer->size : 0,
						       .total = (uint64_t)layer->size,
						       .digest = layer->digest,
						       .action = "unpack",
						       .finished = finished });
}

static enum err layers_unpack(struct unpacking *u, struct errmsg *em)
{
	enum err e = OK;
	/* What the folder around hands on is not the image's. */
	attributes_drop(u->tree.root);
	/* Where no layer says otherwise. */
	if (fchmod(u->tree.root, 0755) != 0)
		return err_errno(em, ERR_IO, "the root");
	for (size_t i = 0; i < u->manifest->layer_count && e == OK; i++) {
		progress_tell(u, i, false);
		e = layer_unpack(u, i, em);
		if (e == OK)
			progress_tell(u, i, true);
	}
	return e;
}

static enum err tree_make(struct unpacking *u, const char *rootfs, int folder, struct errmsg *em)
{
	if (mkdirat(folder, rootfs, 0755) != 0)
		return err_errno(em, ERR_IO, "making %s", rootfs);
	int root = openat(folder, rootfs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return root >= 0 ? tree_open(root, &u->tree, em) : err_errno(em, ERR_IO, "the root");
}

static enum err unpack_beside(struct unpacking *u, const struct unpack_request *request, struct image_unpacked *out,
			      struct errmsg *em)
{
	AUTO_STAGING staging = { .folder = -1 };
	const char *rootfs = request->rootfs ? request->rootfs : "rootfs";
	enum err e = staging_open(request->target, &staging, em);
	if (e == OK)
		e = tree_make(u, rootfs, staging.folder, em);
	if (e == OK)
		e = layers_unpack(u, em);
	out->left_out = u->left_out;
	if (e == OK && request->finish)
		e = request->finish(request, staging.folder, &u->tree, out, em);
	tree_close(&u->tree);
	return e == OK ? staging_publish(&staging, request->rootfs ? NULL : rootfs, em) : e;
}

static enum err source_read(struct unpacking *u, const char *src, struct image_unpacked *out, struct errmsg *em)
{
	AUTO_RAW_MANIFEST raw = { 0 };
	enum err e = image_source_open(src, u->options->access, &u->source, em);
	if (e == OK)
		e = image_source_manifest(u->source, &u->options->platform, &raw, em);
	if (e == OK)
		e = image_policy_check(u->source, &raw, u->options->access, NULL, em);
	if (e == OK)
		e = manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &u->manifest, em);
	if (e == OK)
		e = image_config_read(u->source, &u->manifest->config, &out->config, em);
	if (e != OK)
		return e;
	u->diff_ids = calloc(u->manifest->layer_count + 1, sizeof(*u->diff_ids));
	if (!u->diff_ids)
		return err_set(em, ERR_NOMEM, "no memory");
	snprintf(out->digest, sizeof out->digest, "%s", raw.digest);
	return image_diff_ids(out->config, u->manifest->layer_count, u->diff_ids, em);
}

enum err unpack_run(const struct unpack_request *request, struct image_unpacked *out, struct errmsg *em)
{
	struct unpacking u = { .options = request->options, .tree = { .root = -1, .parent = -1 } };
	*out = (struct image_unpacked){ .config = NULL };
	enum err e = source_read(&u, request->source, out, em);
	if (e == OK)
		e = unpack_beside(&u, request, out, em);
	free(u.diff_ids);
	manifest_free(u.manifest);
	image_source_free(u.source);
	if (e != OK) {
		json_object_put(out->config);
		out->config = NULL;
	}
	return e;
}

enum err image_unpack(const char *src, const char *rootfs, const struct image_unpack_options *options,
		      struct image_unpacked *out, struct errmsg *em)
{
	const struct unpack_request request = { .source = src, .target = rootfs, .options = options };
	return unpack_run(&request, out, em);
}
