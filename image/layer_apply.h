#pragma once
#include "image/tar.h"
#include "image/tree.h"

/* Applies a layer's entries to a tree: image-spec, "Applying Changesets". */

struct apply_options {
	/* Not root: everything belongs to whoever unpacks, devices and attributes that need privileges are left out,
	 * and counted. */
	bool unprivileged;
};

struct layer_apply;

/* For one layer. The tree is borrowed. */
enum err layer_apply_new(struct tree *tree, const struct apply_options *options, struct layer_apply **out,
			 struct errmsg *em) MUST_USE;
void layer_apply_free(struct layer_apply *a);
AUTO_DEFINE(layer_apply)

/* One entry; `archive` gives a file's contents. Refusals name the path. */
enum err layer_apply_entry(struct layer_apply *a, const struct tar_entry *entry, struct tar *archive,
			   struct errmsg *em) MUST_USE;
/* After the last one: the times and modes of folders, which filling them would have changed. */
enum err layer_apply_finish(struct layer_apply *a, struct errmsg *em) MUST_USE;
/* How many devices, owners and attributes were left out. */
size_t layer_apply_left_out(const struct layer_apply *a);
