#include "image/store.h"

#include <stdio.h>

enum err held_layer_parse(struct bytes text, struct held_layer *out, struct errmsg *em)
{
	static const char *const names[] = { "diffId", "blob", NULL };
	json_object *blob = NULL;
	*out = (struct held_layer){ .root = NULL };
	enum err e = json_parse(text, STORE_FILE_MAX, JSON_STRICT, &out->root, em);
	if (e == OK && !json_object_is_type(out->root, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e == OK)
		e = json_only_members(out->root, names, em);
	if (e == OK)
		e = json_get_string(out->root, "diffId", &out->diff_id, em);
	if (e == OK)
		e = digest_check(out->diff_id, em);
	if (e == OK)
		e = json_get_object(out->root, "blob", &blob, em);
	if (e == OK)
		e = descriptor_read(blob, &out->blob, em);
	if (e != OK)
		held_layer_clear(out);
	return e;
}

void held_layer_clear(struct held_layer *h)
{
	json_object_put(h->root);
	*h = (struct held_layer){ .root = NULL };
}

enum err held_layer_path(const char *digest, char path[STORE_PATH_SIZE], struct errmsg *em)
{
	char blob[DIGEST_PATH_SIZE];
	enum err e = digest_path(digest, blob, em);
	if (e == OK)
		snprintf(path, STORE_PATH_SIZE, "layers/%s", blob + strlen("blobs/"));
	return e;
}

enum err held_layer_read(const struct store *s, const char *digest, struct held_layer *out, struct errmsg *em)
{
	char path[STORE_PATH_SIZE];
	AUTO_BUF
	text = { 0 };
	*out = (struct held_layer){ .root = NULL };
	enum err e = held_layer_path(digest, path, em);
	if (e == OK)
		e = store_file_read(s, path, &text, em);
	if (e != OK)
		return e;
	e = held_layer_parse(buf_bytes(&text), out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

enum err held_layer_write(const struct store *s, const char *digest, const char *diff_id, json_object *blob,
			  struct errmsg *em)
{
	char path[STORE_PATH_SIZE];
	AUTO_OF(json_object) *root = json_object_new_object();
	bool made = json_add(root, "blob", blob) && json_add_text(root, "diffId", diff_id);
	enum err e = made ? held_layer_path(digest, path, em) : err_nomem(em, "a file of the store");
	return e == OK ? store_file_put(s, path, root, em) : e;
}
