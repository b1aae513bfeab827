#pragma once
#include "image/source.h"

/* An image that the policy took: the first steps of whatever is done with one. */
struct judged_image {
	struct image_source *source;
	struct raw_manifest raw;
};
/* Opens it, reads its manifest for the platform, and asks the policy, before anything of it is parsed. held: as for
 * image_policy_check(). To be cleared whatever comes back. */
enum err judged_image_open(const char *name, const struct image_reading *how, json_object *held,
			   struct judged_image *out, struct errmsg *em) MUST_USE;
void judged_image_clear(struct judged_image *image);
#define AUTO_JUDGED_IMAGE __attribute__((cleanup(judged_image_clear))) struct judged_image
