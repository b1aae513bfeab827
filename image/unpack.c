#include "image/unpack.h"

#include "image/configuration.h"
#include "image/entry_attributes.h"
#include "image/judged.h"
#include "image/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct unpacking {
	const struct image_unpack_options *options;
	struct judged_image image;
	struct manifest *manifest;
	struct tree tree;
	struct layered layered;
	const char **diff_ids;
};

enum err unpack_text_add(int folder, const char *name, const char *text, struct errmsg *em)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to) {
		if (fd >= 0)
			close(fd);
		return err_errno(em, ERR_IO, "making %s", name);
	}
	bool failed = fprintf(to, "%s\n", text) < 0;
	return fclose(to) != 0 || failed ? err_errno(em, ERR_IO, "writing %s", name) : OK;
}

static enum err tree_make(struct unpacking *u, const char *rootfs, int folder, struct errmsg *em)
{
	if (mkdirat(folder, rootfs, 0755) != 0)
		return err_errno(em, ERR_IO, "making %s", rootfs);
	int root = openat(folder, rootfs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return err_errno(em, ERR_IO, "the root");
	/* What the folder around hands on is not the image's; 0755 where no layer says otherwise. */
	attributes_drop(root);
	if (fchmod(root, 0755) == 0)
		return tree_open(root, &u->tree, em);
	enum err e = err_errno(em, ERR_IO, "the root");
	close(root);
	return e;
}

static enum err layers_run(const struct unpacking *u, int around, struct tree *tree, const struct layered *layered,
			   size_t *left_out, struct errmsg *em)
{
	const struct unpack_layers layers = {
		.options = u->options,
		.source = u->image.source,
		.manifest = u->manifest,
		.diff_ids = u->diff_ids,
		.around = around,
		.tree = tree,
		.layered = layered,
	};
	return unpack_layers_run(&layers, left_out, em);
}

/* *tree: what was unpacked, within u or `layered`. */
static enum err contents_make(struct unpacking *u, const char *rootfs, int folder, struct tree **tree,
			      struct image_unpacked *out, struct errmsg *em)
{
	struct layered *l = &u->layered;
	if (!u->options->layers) {
		*tree = &u->tree;
		enum err e = tree_make(u, rootfs, folder, em);
		return e == OK ? layers_run(u, folder, &u->tree, NULL, &out->left_out, em) : e;
	}
	enum err e = layered_make(folder, u->manifest->layer_count, u->options->unprivileged, l, em);
	if (e == OK)
		e = layers_run(u, folder, NULL, l, &out->left_out, em);
	if (e == OK)
		e = layered_finish(l, folder, u->manifest, u->diff_ids, em);
	if (e == OK)
		*tree = &l->trees[l->count - 1];
	return e;
}

static enum err unpack_beside(struct unpacking *u, const struct unpack_request *request, struct image_unpacked *out,
			      struct errmsg *em)
{
	AUTO_STAGING staging = { .folder = -1 };
	struct tree *tree = NULL;
	const char *rootfs = request->rootfs ? request->rootfs : "rootfs";
	bool whole = request->rootfs || u->options->layers;
	enum err e = staging_open(request->target, &staging, em);
	if (e == OK)
		e = contents_make(u, rootfs, staging.folder, &tree, out, em);
	if (e == OK && request->finish)
		e = request->finish(request, staging.folder, tree, out, em);
	layered_clear(&u->layered);
	tree_close(&u->tree);
	return e == OK ? staging_publish(&staging, whole ? NULL : rootfs, em) : e;
}

static enum err source_read(struct unpacking *u, const char *src, struct image_unpacked *out, struct errmsg *em)
{
	const struct image_reading how = { u->options->platform, u->options->access };
	enum err e = judged_image_open(src, &how, NULL, &u->image, em);
	const struct raw_manifest *raw = &u->image.raw;
	struct image_source *source = u->image.source;
	if (e == OK)
		e = manifest_parse(buf_bytes(&raw->bytes), raw->media_type, &u->manifest, em);
	if (e == OK && source->ops->held)
		e = source->ops->held(source, u->manifest, em);
	if (e == OK)
		e = image_config_read(source, &u->manifest->config, &out->config, em);
	if (e != OK)
		return e;
	u->diff_ids = calloc(u->manifest->layer_count + 1, sizeof(*u->diff_ids));
	if (!u->diff_ids)
		return err_set(em, ERR_NOMEM, "no memory");
	snprintf(out->digest, sizeof out->digest, "%s", raw->digest);
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
	judged_image_clear(&u.image);
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
