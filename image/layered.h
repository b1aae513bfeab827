#pragma once
#include "image/image.h"
#include "image/manifest.h"
#include "image/tree.h"

/* An image as overlayfs takes it: a folder with "layers/0" (the lowest), "layers/1", ...; "layers.json", which says
 * what they are; and "rootfs", "upper" and "work" for the mount. Private to unpack.c and mount.c. */

/* fs/overlayfs/params.h: so many lower folders at most. */
enum { LAYERED_MAX = 500 };
#define LAYERED_FILE "layers.json"

struct layered {
	int *roots;
	struct layer_stack *stacks; /* one for each folder: it, and those below */
	struct tree *trees;
	size_t count;
	bool user_xattr;
};

/* Makes the folders in `folder`. */
enum err layered_make(int folder, size_t layers, bool unprivileged, struct layered *out, struct errmsg *em) MUST_USE;
void layered_clear(struct layered *l);
/* Where the image's layer `n` is unpacked: once all below it are, for its folder's own attributes are theirs then,
 * until it says otherwise. */
enum err layered_tree(const struct layered *l, size_t n, struct tree **out, struct errmsg *em) MUST_USE;
/* After the last one: what the mount needs. */
enum err layered_finish(const struct layered *l, int folder, const struct manifest *m, const char *const *diff_ids,
			struct errmsg *em) MUST_USE;
