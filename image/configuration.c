#include "image/configuration.h"

#define CONFIG_SIZE_MAX MANIFEST_SIZE_MAX

enum err image_config_read(struct image_source *source, const struct descriptor *d, json_object **out,
			   struct errmsg *em)
{
	AUTO(stream) *blob = NULL;
	AUTO_BUF
	text = { 0 };
	if (d->size > (int64_t)CONFIG_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "config: more than %zu bytes", CONFIG_SIZE_MAX);
	enum err e = image_source_blob(source, d, "config", &blob, em);
	for (size_t got = 1; e == OK && got > 0;) {
		e = buf_reserve(&text, 16384, em);
		if (e == OK)
			e = stream_read(blob, (struct stream_window){ text.data + text.len, 16384 }, &got, em);
		if (e == OK)
			text.len += got;
	}
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
