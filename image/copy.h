#pragma once
#include "image/layer_crew.h"
#include "image/source.h"

/* One copy under way. */
struct copy {
	const struct image_copy_options *options;
	struct watch watch; /* of the options */
	struct image_source *source;
	struct image_destination *destination;
	struct manifest *manifest;
	struct layer_change *changes; /* one a layer */
	struct layer_keys *keys; /* of those that are decrypted; or NULL */
	const bool *selected; /* for encryption, one a layer */
};

/* Which layers the options mean: one flag a layer. ERR_ARG for an index out of range. */
enum err copy_select_layers(const struct image_copy_options *options, bool *selected, size_t count,
			    struct errmsg *em) MUST_USE;

/* Carries a layer over and notes in `changes` what becomes of its descriptor. For layer_work; `copy` is the struct. */
enum err copy_layer(void *copy, struct layer_turn *turn, struct errmsg *em) MUST_USE;

/* A blob as it is, unless the destination has it: progress->kept. */
struct copy_blob {
	const struct descriptor *what;
	const struct watch *watch;
	struct image_progress *progress; /* NULL: not told of */
};
enum err copy_blob(struct copy *c, const struct copy_blob *blob, struct errmsg *em) MUST_USE;
