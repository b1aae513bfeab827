#include "image/judged.h"

#include "image/policy_judge.h"

enum err judged_image_open(const char *name, const struct image_reading *how, json_object *held,
			   struct judged_image *out, struct errmsg *em)
{
	*out = (struct judged_image){ .source = NULL };
	enum err e = image_source_open(name, how->access, &out->source, em);
	if (e == OK)
		e = image_source_manifest(out->source, &how->platform, &out->raw, em);
	return e == OK ? image_policy_check(out->source, &out->raw, how->access, held, em) : e;
}

void judged_image_clear(struct judged_image *image)
{
	image_source_free(image->source);
	raw_manifest_clear(&image->raw);
	*image = (struct judged_image){ .source = NULL };
}
