#include "image/unpack.h"

#include "image/configuration.h"
#include "image/entry_attributes.h"
#include "image/judged.h"
#include "image/staging.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct unpacking {
	const struct image_unpack_options *options;
	struct judged_image image;
	struct manifest *manifest;
	struct tree tree;
	const char **diff_ids;
};

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

static enum err unpack_beside(struct unpacking *u, const struct unpack_request *request, struct image_unpacked *out,
			      struct errmsg *em)
{
	AUTO_STAGING staging = { .folder = -1 };
	const char *rootfs = request->rootfs ? request->rootfs : "rootfs";
	enum err e = staging_open(request->target, &staging, em);
	if (e == OK)
		e = tree_make(u, rootfs, staging.folder, em);
	const struct unpack_layers layers = {
		.options = u->options,
		.source = u->image.source,
		.manifest = u->manifest,
		.diff_ids = u->diff_ids,
		.around = staging.folder,
		.tree = &u->tree,
	};
	if (e == OK)
		e = unpack_layers_run(&layers, &out->left_out, em);
	if (e == OK && request->finish)
		e = request->finish(request, staging.folder, &u->tree, out, em);
	tree_close(&u->tree);
	return e == OK ? staging_publish(&staging, request->rootfs ? NULL : rootfs, em) : e;
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
