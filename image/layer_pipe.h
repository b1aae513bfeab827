#pragma once
#include "common/stream.h"
#include "image/image.h"

/* The layer cipher of keywrap/ as a link of a pull chain. */
struct layer_pipe;
struct descriptor;

/* What goes in comes out encrypted for the context's recipients, or decrypted. An encrypting one owns `from`, also on
 * failure. Decrypting unwraps the key at once and may block on a token; its source may come later. What a decrypting
 * pipe gives is unverified until its end. */
enum err layer_pipe_encrypt(struct okw_context *keys, struct stream *from, struct layer_pipe **out,
			    struct errmsg *em) MUST_USE;
enum err layer_pipe_decrypt(struct okw_context *keys, const struct descriptor *layer, struct layer_pipe **out,
			    struct errmsg *em) MUST_USE;
/* Once, before anything is read; takes `from`. */
void layer_pipe_feed(struct layer_pipe *pipe, struct stream *from);
void layer_pipe_free(struct layer_pipe *pipe);
AUTO_DEFINE(layer_pipe)

/* Where a decrypting pipe ended with a good HMAC and a digest that is another's: that digest, which the decompressed
 * bytes must have; else NULL. To be asked for after every decryption: the stream's end alone proves nothing then. */
const char *layer_pipe_other_digest(const struct layer_pipe *pipe);

/* The pipe's other end; borrows the pipe, which must outlive it. */
enum err layer_pipe_stream(struct layer_pipe *pipe, struct stream **out, struct errmsg *em) MUST_USE;
/* After an encrypting pipe's end: what belongs on the descriptor, added to `to`. */
enum err layer_pipe_annotations(struct layer_pipe *pipe, struct okw_annotations *to, struct errmsg *em) MUST_USE;

/* A descriptor's annotations in the library's terms; okw_annotations_clear() frees them. */
enum err layer_annotations(const struct descriptor *d, struct okw_annotations *out, struct errmsg *em) MUST_USE;
