#pragma once
#include "common/err.h"
#include "keywrap/ocikeywrap.h"

#include <stdbool.h>
#include <stdint.h>

/* OCI images. Knows no KBS: keys come through PKCS#11 by way of the key-wrapping context. */

struct image_progress {
	unsigned layer; /* 0-based, of `layers` */
	unsigned layers;
	uint64_t done;
	uint64_t total;
	const char *digest; /* the source's */
	bool finished;
};

struct image_copy_options {
	struct okw_context *keys; /* NULL: neither encrypts nor decrypts */
	bool encrypt; /* encrypt layers for the context's recipients */
	bool decrypt; /* decrypt encrypted layers; without it they are copied as they are */
	const int *encrypt_layers; /* skopeo's --encrypt-layer: indices, negative from the end; NULL = all.
				    * Out of range is refused (ERR_ARG) */
	size_t encrypt_layer_count;
	void (*progress)(void *user, const struct image_progress *p);
	void *progress_user;
};

/* Copies SRC to DST, both "oci:DIR[:TAG]". Every digest and size is checked; constant memory; the destination's
 * index changes only after everything held: on an error nothing new is visible under the tag, and blobs that
 * this call wrote are removed. digest_out: the new manifest's "sha256:<hex>", at least 80 bytes; may be NULL.
 * ERR_ARG, ERR_NOT_FOUND, ERR_PARSE, ERR_UNSUPPORTED, ERR_INTEGRITY, ERR_KEY, ERR_DENIED, ERR_IO, ... */
enum err image_copy(const char *src, const char *dst, const struct image_copy_options *options, char *digest_out,
		    struct errmsg *em) MUST_USE;
