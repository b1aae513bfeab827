#pragma once
#include "common/bytes.h"

#include <openssl/types.h>

/* Pull streams: each reads from the one before it. Not thread-safe; not for secrets that must be wiped
 * (layer plaintext is not: keys are). */
struct stream;

struct stream_window {
	uint8_t *data;
	size_t len;
};

struct stream_ops {
	/* Fills at most to.len bytes, *got of them; *got = 0 at the end, and only there. An integrity failure is
	 * reported instead of the end. After an error every further read gives an error. */
	enum err (*read)(void *ctx, struct stream_window to, size_t *got, struct errmsg *em);
	void (*free)(void *ctx);
};

/* Takes ownership of ctx (freed through ops->free), also on failure. */
enum err stream_new(const struct stream_ops *ops, void *ctx, struct stream **out, struct errmsg *em) MUST_USE;
/* For a stream that knows, once it has ended, the SHA-256 digest ("sha256:<hex>") of all that it gave: stream_measure()
 * asks, and does not digest it once more. */
void stream_tells_digest(struct stream *s, const char *(*tell)(void *ctx));
/* An empty window is ERR_ARG: 0 bytes would look like the end. */
enum err stream_read(struct stream *s, struct stream_window to, size_t *got, struct errmsg *em) MUST_USE;
void stream_free(struct stream *s);
AUTO_DEFINE(stream)

/* Reads fd from its position on; closes it when freed, also on failure. */
enum err stream_from_fd(int fd, struct stream **out, struct errmsg *em) MUST_USE;
enum err stream_from_bytes(struct bytes contents, struct stream **out, struct errmsg *em) MUST_USE; /* borrows */

/* Passes `inner` through, and at its end gives ERR_INTEGRITY unless it was `size` bytes (-1 = any) whose
 * digest is `digest` ("sha256:<hex>", also sha384, sha512). Owns inner, also on failure. `what` names it in errors
 * (NULL: the digest does). Bytes beyond `size` are not handed on. ERR_PARSE, ERR_UNSUPPORTED: not a digest that can be
 * checked. */
struct stream_expect {
	const char *digest;
	int64_t size;
	const char *what;
};
enum err stream_verify(struct stream *inner, struct stream_expect expect, struct stream **out,
		       struct errmsg *em) MUST_USE;

/* What stream_tells_digest() was told of; NULL where nothing was. Only after the end. */
bool stream_knows_digest(const struct stream *s);
const char *stream_digest(const struct stream *s);

/* Passes `inner` through and counts and digests what went by. Owns inner, also on failure. `tally` is the caller's and
 * outlives the stream. */
struct stream_tally {
	uint64_t size;
	char digest[80]; /* "sha256:<hex>", set at the end */
};
enum err stream_measure(struct stream *inner, struct stream_tally *tally, struct stream **out,
			struct errmsg *em) MUST_USE;
