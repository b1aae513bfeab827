#pragma once
#include "image/source.h"

/* Signatures beside a registry: containers-registries.d(5). */

/* Adds to `out` what the lookaside of this image (docker) holds for the manifest with this digest. ERR_CONFIG, ERR_IO,
 * ERR_LIMIT, and what the network says. */
enum err lookaside_read(const struct image_identity *identity, const char *digest, const struct image_access *access,
			struct image_signatures *out, struct errmsg *em) MUST_USE;

/* Whether cosign's signatures are looked for in the registry: yes, where registries.d does not say no. */
enum err lookaside_attachments(const struct image_identity *identity, const struct image_access *access, bool *out,
			       struct errmsg *em) MUST_USE;
