#pragma once
#include "image/source.h"

/* ERR_DENIED unless what the policy demands of this image holds; the text names the requirement, the keys and the
 * identity. Before the manifest's contents count for anything; of an index the chosen image's own manifest is judged.
 * The policy is read anew each time. Without any policy local images are taken, and those of registries refused.
 * access: NULL: all as by default. held: an array that gets a text for each requirement that held; or NULL.
 * Blocks on disk, network and gpg. */
enum err image_policy_check(struct image_source *source, const struct raw_manifest *raw,
			    const struct image_access *access, json_object *held, struct errmsg *em) MUST_USE;
