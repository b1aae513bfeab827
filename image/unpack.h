#pragma once
#include "image/layered.h"
#include "image/source.h"
#include "image/tree.h"

/* Unpacking, and what may be made of it before anybody sees it. */

struct unpack_request {
	const char *source;
	const char *target;
	const struct image_unpack_options *options;
	const char *rootfs; /* the tree's folder in the target; NULL: the target is the tree (or its layers) */
	/* Adds to the target's folder once all layers held. `tree`: what was unpacked. NULL: nothing. */
	enum err (*finish)(const struct unpack_request *request, int folder, const struct tree *tree,
			   const struct image_unpacked *unpacked, struct errmsg *em);
};

/* The layers of one image: some at a time, each unpacked beside the tree and moved into it when all below it are there.
 */
struct unpack_layers {
	const struct image_unpack_options *options;
	struct image_source *source;
	const struct manifest *manifest;
	const char *const *diff_ids;
	int around; /* the tree's staging folder: layers are unpacked in it, beside the tree */
	struct tree *tree;
	const struct layered *layered; /* in place of the tree: one after the other */
};
/* No thread is left, also on an error. *left_out: as in image_unpacked. */
enum err unpack_layers_run(const struct unpack_layers *u, size_t *left_out, struct errmsg *em) MUST_USE;

/* A file of what is made, a newline behind the text. */
enum err unpack_text_add(int folder, const char *name, const char *text, struct errmsg *em) MUST_USE;

enum err unpack_run(const struct unpack_request *request, struct image_unpacked *out, struct errmsg *em) MUST_USE;
