#include "image/image.h"

#include "image/judged.h"

enum err image_verify(const char *src, const struct image_reading *how, json_object **out, struct errmsg *em)
{
	AUTO_JUDGED_IMAGE image = { .source = NULL };
	AUTO_OF(json_object) *answer = json_object_new_object();
	json_object *held = json_object_new_array();
	if (!answer || !held || json_object_object_add(answer, "held", held) != 0) {
		json_object_put(held);
		return err_set(em, ERR_NOMEM, "no memory");
	}
	enum err e = judged_image_open(src, how, held, &image, em);
	if (e != OK)
		return e;
	json_object *digest = json_object_new_string(image.raw.digest);
	if (!digest || json_object_object_add(answer, "digest", digest) != 0) {
		json_object_put(digest);
		return err_set(em, ERR_NOMEM, "no memory");
	}
	*out = steal(&answer);
	return OK;
}
