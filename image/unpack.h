#pragma once
#include "image/image.h"
#include "image/tree.h"

/* Unpacking, and what may be made of it before anybody sees it. */

struct unpack_request {
	const char *source;
	const char *target;
	const struct image_unpack_options *options;
	const char *rootfs; /* the tree's folder in the target; NULL: the target is the tree */
	/* Adds to the target's folder once all layers held. `tree`: what was unpacked. NULL: nothing. */
	enum err (*finish)(const struct unpack_request *request, int folder, const struct tree *tree,
			   const struct image_unpacked *unpacked, struct errmsg *em);
};
enum err unpack_run(const struct unpack_request *request, struct image_unpacked *out, struct errmsg *em) MUST_USE;
