#pragma once
#include "image/layer_pipe.h"
#include "image/manifest.h"

/* The keys of an image's encrypted layers: unwrapped one after the other in a thread of their own, from the time on at
 * which the manifest is known, while the layers' first bytes arrive. One token session, one attestation. */
struct layer_keys;

/* Borrows both. ERR_KEY: a layer is encrypted, and `keys` is NULL. */
enum err layer_keys_start(const struct manifest *manifest, struct okw_context *keys, struct layer_keys **out,
			  struct errmsg *em) MUST_USE;
/* Waits for the decrypting pipe of layer `n`, which is encrypted: the caller's, who feeds it. May be asked for again:
 * then the key is unwrapped anew. Any thread; each layer's by one. An error of a key is told to its own layer, which
 * fails then; those behind it wait for layer_keys_stop(). */
enum err layer_keys_take(struct layer_keys *keys, size_t n, struct layer_pipe **out, struct errmsg *em) MUST_USE;
/* No more of them; whoever waits gets ERR_IO. */
void layer_keys_stop(struct layer_keys *keys);
void layer_keys_free(struct layer_keys *keys);
AUTO_DEFINE(layer_keys)
