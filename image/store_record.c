#include "image/store_record.h"

#include "image/reference.h"

#include <stdio.h>

void store_record_clear(struct store_record *r)
{
	json_object_put(r->root);
	*r = (struct store_record){ .root = NULL };
}

static enum err descriptor_of(json_object *root, const char *name, struct descriptor *out, struct errmsg *em)
{
	json_object *json = NULL;
	enum err e = json_get_object(root, name, &json, em);
	if (e != OK)
		return e;
	e = descriptor_read(json, out, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

enum err store_record_beside(json_object *entry, const char **tag, struct descriptor *manifest, struct errmsg *em)
{
	if (!json_object_is_type(entry, json_type_object))
		return err_set(em, ERR_PARSE, "\"beside\": no object");
	enum err e = json_get_string(entry, "tag", tag, em);
	return e == OK ? descriptor_of(entry, "manifest", manifest, em) : e;
}

static enum err lists_read(struct store_record *r, struct errmsg *em)
{
	enum err e = json_get_array_opt(r->root, "layers", &r->layers, em);
	if (e == OK)
		e = json_get_array_opt(r->root, "signatures", &r->signatures, em);
	if (e == OK)
		e = json_get_array_opt(r->root, "beside", &r->beside, em);
	if (e == OK && (!r->layers || !r->signatures || !r->beside))
		e = err_set(em, ERR_PARSE, "no \"layers\", no \"signatures\" or no \"beside\"");
	for (size_t i = 0; e == OK && i < json_object_array_length(r->layers); i++) {
		json_object *digest = json_object_array_get_idx(r->layers, i);
		e = json_object_is_type(digest, json_type_string) ? digest_check(json_object_get_string(digest), em)
								  : err_set(em, ERR_PARSE, "\"layers\": no digest");
	}
	for (size_t i = 0; e == OK && i < json_object_array_length(r->signatures); i++) {
		struct descriptor ignored;
		e = descriptor_read(json_object_array_get_idx(r->signatures, i), &ignored, em);
	}
	for (size_t i = 0; e == OK && i < json_object_array_length(r->beside); i++) {
		const char *tag = NULL;
		struct descriptor ignored;
		e = store_record_beside(json_object_array_get_idx(r->beside, i), &tag, &ignored, em);
	}
	return e;
}

static enum err record_read(struct store_record *r, struct errmsg *em)
{
	static const char *const names[] = { "name",   "transport", "scope",      "beside", "physical", "manifest",
					     "config", "layers",    "signatures", "pulled", NULL };
	if (!json_object_is_type(r->root, json_type_object))
		return err_set(em, ERR_PARSE, "no object");
	enum err e = json_only_members(r->root, names, em);
	if (e == OK)
		e = json_get_string(r->root, "name", &r->name, em);
	if (e == OK)
		e = json_get_string(r->root, "transport", &r->transport, em);
	if (e == OK)
		e = json_get_string(r->root, "scope", &r->scope, em);
	if (e == OK)
		e = json_get_string_opt(r->root, "physical", &r->physical, em);
	if (e == OK)
		e = json_get_int_opt(r->root, "pulled", 0, INT64_MAX, &r->pulled, em);
	if (e == OK)
		e = descriptor_of(r->root, "manifest", &r->manifest, em);
	if (e == OK)
		e = descriptor_of(r->root, "config", &r->config, em);
	return e == OK ? lists_read(r, em) : e;
}

enum err store_record_parse(struct bytes text, struct store_record *out, struct errmsg *em)
{
	*out = (struct store_record){ .root = NULL };
	enum err e = json_parse(text, STORE_FILE_MAX, JSON_STRICT, &out->root, em);
	if (e == OK)
		e = record_read(out, em);
	if (e != OK)
		store_record_clear(out);
	return e;
}

char *store_record_name(const char *src)
{
	static const char *const with_paths[] = { "oci:", "dir:", "oci-archive:", "docker-archive:" };
	for (size_t i = 0; i < ARRAY_LEN(with_paths); i++) {
		size_t begin = strlen(with_paths[i]);
		if (strncmp(src, with_paths[i], begin) != 0)
			continue;
		const char *rest = src + begin;
		size_t len = strcmp(with_paths[i], "dir:") == 0 ? strlen(rest) : strcspn(rest, ":");
		AUTO_STR
		char *path = strndup(rest, len);
		AUTO_STR
		char *full = path ? realpath(path, NULL) : NULL;
		char *name = NULL;
		if (full && asprintf(&name, "%s%s%s", with_paths[i], full, rest + len) >= 0)
			return name;
	}
	return strdup(src);
}

enum err store_record_path(const char *name, char path[STORE_PATH_SIZE], struct errmsg *em)
{
	char digest[IMAGE_DIGEST_SIZE];
	enum err e = digest_of(bytes_str(name), digest, em);
	if (e == OK)
		snprintf(path, STORE_PATH_SIZE, "images/%s", strchr(digest, ':') + 1);
	return e;
}

enum err store_record_read(const struct store *s, const char *file, struct store_record *out, struct errmsg *em)
{
	char path[STORE_PATH_SIZE];
	char expected[STORE_PATH_SIZE];
	AUTO_BUF
	text = { 0 };
	*out = (struct store_record){ .root = NULL };
	snprintf(path, sizeof path, "images/%.80s", file);
	enum err e = store_file_read(s, path, &text, em);
	if (e != OK)
		return e;
	e = store_record_parse(buf_bytes(&text), out, em);
	if (e == OK)
		e = store_record_path(out->name, expected, em);
	if (e == OK && strcmp(path, expected) != 0) {
		store_record_clear(out);
		e = err_set(em, ERR_PARSE, "it is another image's");
	}
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

static enum err by_name(const struct store *s, const char *name, struct store_record *out, struct errmsg *em)
{
	char path[STORE_PATH_SIZE];
	enum err e = store_record_path(name, path, em);
	return e == OK ? store_record_read(s, path + strlen("images/"), out, em) : e;
}

struct search {
	const struct store *store;
	const char *digest;
	struct store_record *found;
};

static enum err digest_compare(void *ctx, const char *file, struct errmsg *em)
{
	struct search *search = ctx;
	AUTO_STORE_RECORD r = { .root = NULL };
	enum err e = store_record_read(search->store, file, &r, em);
	if (e == ERR_NOT_FOUND) /* removed just now */
		return OK;
	if (e != OK || strcmp(r.manifest.digest, search->digest) != 0)
		return e;
	if (search->found->root)
		return err_set(em, ERR_ARG, "%s and %s are of this digest: name one", search->found->name, r.name);
	*search->found = r;
	r.root = NULL;
	return OK;
}

enum err store_record_find(const struct store *s, const char *name, struct store_record *out, struct errmsg *em)
{
	AUTO_REFERENCE reference = { 0 };
	AUTO_STR
	char *full = NULL;
	AUTO_STR
	char *from = store_record_name(name);
	struct search search = { s, name, out };
	enum err e = from ? by_name(s, name, out, em) : err_nomem(em, "a name");
	if (e == ERR_NOT_FOUND)
		e = by_name(s, from, out, em);
	if (e == ERR_NOT_FOUND && strncmp(name, "docker://", 9) == 0)
		name += 9;
	if (e == ERR_NOT_FOUND && reference_parse(name, &reference, NULL) == OK) {
		full = reference_text(&reference);
		e = full ? by_name(s, full, out, em) : err_nomem(em, "a name");
	}
	if (e == ERR_NOT_FOUND && digest_check(name, NULL) == OK) {
		e = store_each(s, "images", digest_compare, &search, em);
		if (e == OK && !out->root)
			e = ERR_NOT_FOUND;
		if (e != OK)
			store_record_clear(out);
	}
	return e == ERR_NOT_FOUND ? err_set(em, e, "the store has no image \"%.300s\"", name) : e;
}
