#include "image/configuration.h"

enum err image_config_read(struct image_source *source, const struct descriptor *d, json_object **out,
			   struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = image_source_read(source, (struct blob_wanted){ d, "config", CONFIG_SIZE_MAX }, &text, em);
	return e == OK ? json_parse(buf_bytes(&text), CONFIG_SIZE_MAX, JSON_STRICT, out, em) : e;
}

enum err image_diff_ids(json_object *config, size_t count, const char **out, struct errmsg *em)
{
	json_object *rootfs = NULL;
	json_object *list = NULL;
	enum err e = json_get_object(config, "rootfs", &rootfs, em);
	if (e == OK)
		e = json_get_array_opt(rootfs, "diff_ids", &list, em);
	if (e != OK)
		return err_wrap(em, e, "config");
	if ((list ? json_object_array_length(list) : 0) != count)
		return err_set(em, ERR_PARSE, "config: %zu diff ids for %zu layers",
			       list ? json_object_array_length(list) : 0, count);
	for (size_t i = 0; i < count; i++) {
		json_object *id = json_object_array_get_idx(list, i);
		if (!json_object_is_type(id, json_type_string))
			return err_set(em, ERR_PARSE, "config: diff id %zu is no text", i);
		out[i] = json_object_get_string(id);
		e = digest_check(out[i], em);
		if (e != OK)
			return err_wrap(em, e, "config: diff id %zu", i);
	}
	return OK;
}
