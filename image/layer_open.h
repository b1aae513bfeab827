#pragma once
#include "image/layer_pipe.h"
#include "image/source.h"

/* A layer's archive, from its blob on: verified, decrypted, decompressed, verified again. Each step has a thread. */
struct layer_source {
	struct image_source *image;
	const struct descriptor *layer;
	const char *diff_id;
	struct okw_context *keys; /* or NULL */
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
