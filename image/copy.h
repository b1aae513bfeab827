#pragma once
#include "image/layer_pipe.h"
#include "image/source.h"
#include "image/watched.h"

/* One copy under way. */
struct copy {
	const struct image_copy_options *options;
	struct watch watch; /* of the options */
	struct image_source *source;
	struct image_destination *destination;
	struct manifest *manifest;
	struct layer_change *changes; /* one a layer */
};

/* Which layers the options mean: one flag a layer. ERR_ARG for an index out of range. */
enum err copy_select_layers(const struct image_copy_options *options, bool *selected, size_t count,
			    struct errmsg *em) MUST_USE;

/* Carries layer `n` over and notes in changes[n] what becomes of its descriptor. The text of errors names it. */
enum err copy_layer(struct copy *c, size_t n, bool selected, struct errmsg *em) MUST_USE;

/* A blob as it is, unless the destination has it: progress->kept. progress NULL: not told of. */
enum err copy_blob(struct copy *c, const struct descriptor *d, struct image_progress *progress,
		   struct errmsg *em) MUST_USE;
