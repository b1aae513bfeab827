#pragma once
#include "image/tar.h"
#include "image/tree.h"

/* Applies a layer's entries to a tree: image-spec, "Applying Changesets". */

enum apply_place {
	APPLY_OVER, /* the tree holds what the layers below left */
	APPLY_LOWEST, /* nothing lies below: whiteouts hide nothing */
	APPLY_AHEAD, /* what lies below is still being made elsewhere; the tree is this layer's alone, until merged */
};

struct apply_options {
	enum apply_place place;
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
/* After APPLY_AHEAD instead: moves all of it over what lies below, which `onto` holds now. */
enum err layer_apply_merge(struct layer_apply *a, struct tree *onto, struct errmsg *em) MUST_USE;
/* After an error of APPLY_AHEAD: true where that came of an entry that cannot be judged without what lies below (a hard
 * link to it, a path through a link). The layer is to be applied anew, over the others. */
bool layer_apply_needs_lower(const struct layer_apply *a);
/* How many devices, owners and attributes were left out. */
size_t layer_apply_left_out(const struct layer_apply *a);
