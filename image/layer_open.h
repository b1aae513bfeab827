#pragma once
#include "image/layer_keys.h"
#include "image/source.h"
#include "image/watched.h"

/* A layer's archive, from its blob on: verified, decrypted, decompressed, verified again. Each step has a thread. */
struct layer_source {
	struct image_source *image;
	const struct manifest *manifest;
	size_t number;
	const char *diff_id;
	struct layer_keys *keys;
	const struct watch *watch;
	const struct image_progress *progress;
	/* Sees the layer decrypted, and as it was compressed; owns `from`, also on failure. NULL: nobody does. */
	enum err (*tap)(void *user, struct stream *from, struct stream **out, struct errmsg *em);
	void *tap_user;
};
struct opened_layer {
	struct stream *archive;
	struct layer_pipe *pipe; /* of an encrypted one; outlives the archive */
};
enum err layer_open(const struct layer_source *from, struct opened_layer *out, struct errmsg *em) MUST_USE;
/* After the archive's end: what a decrypting pipe could not compare itself. */
enum err layer_check_end(const struct opened_layer *layer, const char *diff_id, struct errmsg *em) MUST_USE;
void layer_close(struct opened_layer *layer);
#define AUTO_OPENED_LAYER __attribute__((cleanup(layer_close))) struct opened_layer
