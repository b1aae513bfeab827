#pragma once
#include "common/bytes.h"
#include "image/image.h"

/* Digests, "sha256:<64 hex>", also sha384 and sha512. No path is ever made of one that was not checked.
 * image-spec, "Digests". */

enum err digest_check(const char *digest, struct errmsg *em) MUST_USE;

/* Of what stands in memory. out: IMAGE_DIGEST_SIZE bytes. */
enum err digest_of(struct bytes contents, char *out, struct errmsg *em) MUST_USE;

/* ERR_INTEGRITY unless `digest` is that of `contents`. */
enum err digest_verify(struct bytes contents, const char *digest, struct errmsg *em) MUST_USE;

#define DIGEST_PATH_SIZE (IMAGE_DIGEST_SIZE + sizeof("blobs/"))

/* "blobs/sha256/<hex>" of a checked digest. */
enum err digest_path(const char *digest, char path[DIGEST_PATH_SIZE], struct errmsg *em) MUST_USE;
