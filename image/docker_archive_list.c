#include "image/docker_archive_list.h"

#include "image/layout.h"
#include "image/manifest.h"
#include "image/reference.h"

void docker_archive_name_clear(struct docker_archive_name *name)
{
	free(name->path);
	free(name->tag);
	*name = (struct docker_archive_name){ .place = -1 };
}

/* In full, so that names can be compared. */
static enum err tag_expand(const char *text, char **out, struct errmsg *em)
{
	AUTO_REFERENCE r = { 0 };
	enum err e = reference_parse(text, &r, em);
	if (e == OK && r.digest)
		return err_set(em, ERR_ARG, "images in archives have tags, and no digests");
	if (e != OK)
		return e;
	*out = reference_text(&r);
	return *out ? OK : err_set(em, ERR_NOMEM, "no memory for a name");
}

enum err docker_archive_name_parse(const char *rest, struct docker_archive_name *out, struct errmsg *em)
{
	*out = (struct docker_archive_name){ .place = -1 };
	/* As with skopeo the first colon ends the path. */
	size_t len = strcspn(rest, ":");
	enum err e = OK;
	if (len == 0)
		return err_set(em, ERR_ARG, "there is no path before the colon");
	if (rest[len] && rest[len + 1] == '@')
		e = layout_place_parse(rest + len + 2, &out->place, em);
	else if (rest[len])
		e = tag_expand(rest + len + 1, &out->tag, em);
	if (e != OK)
		return e;
	out->path = strndup(rest, len);
	if (out->path)
		return OK;
	docker_archive_name_clear(out);
	return err_set(em, ERR_NOMEM, "no memory");
}

static enum err image_read(json_object *item, struct saved_image *out, struct errmsg *em)
{
	static const char *const names[] = { "Config", "RepoTags", "Layers", NULL };
	if (!json_object_is_type(item, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	enum err e = json_refuse_case_variants(item, names, em);
	if (e == OK)
		e = json_get_string(item, "Config", &out->config, em);
	if (e == OK)
		e = json_get_array_opt(item, "Layers", &out->layers, em);
	size_t count = e == OK && out->layers ? json_object_array_length(out->layers) : 0;
	if (count > MANIFEST_LAYERS_MAX)
		return err_set(em, ERR_LIMIT, "%zu layers; at most %d are taken", count, MANIFEST_LAYERS_MAX);
	for (size_t i = 0; e == OK && i < count; i++)
		if (!json_object_is_type(json_object_array_get_idx(out->layers, i), json_type_string))
			e = err_set(em, ERR_PARSE, "\"Layers\": the name of layer %zu is no text", i);
	return e;
}

static enum err bears_tag(json_object *item, const char *tag, bool *bears, struct errmsg *em)
{
	json_object *tags = NULL;
	enum err e = json_get_array_opt(item, "RepoTags", &tags, em);
	*bears = false;
	for (size_t i = 0; e == OK && tags && i < json_object_array_length(tags); i++) {
		AUTO_STR
		char *full = NULL;
		json_object *item_tag = json_object_array_get_idx(tags, i);
		e = json_object_is_type(item_tag, json_type_string)
			    ? tag_expand(json_object_get_string(item_tag), &full, em)
			    : err_set(em, ERR_PARSE, "no text");
		if (e != OK)
			return err_wrap(em, e == ERR_NOMEM ? e : ERR_PARSE, "\"RepoTags\"");
		*bears = *bears || strcmp(full, tag) == 0;
	}
	return e;
}

static enum err tag_find(json_object *list, const char *tag, json_object **out, struct errmsg *em)
{
	*out = NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *item = json_object_array_get_idx(list, i);
		bool bears = false;
		enum err e = json_object_is_type(item, json_type_object) ? bears_tag(item, tag, &bears, em)
									 : err_set(em, ERR_PARSE, "want an object");
		if (e != OK)
			return err_wrap(em, e, "image @%zu", i);
		if (bears && *out)
			return err_set(em, ERR_PARSE, "\"%s\" is the name of several images", tag);
		if (bears)
			*out = item;
	}
	return *out ? OK : err_set(em, ERR_NOT_FOUND, "no image is named \"%s\"", tag);
}

static enum err place_find(json_object *list, long place, json_object **out, struct errmsg *em)
{
	size_t count = json_object_array_length(list);
	if (place < 0 && count > 1)
		return err_set(em, ERR_ARG, "%zu images in it: name one by its tag, or as @N by its place", count);
	if (count == 0)
		return err_set(em, ERR_NOT_FOUND, "no image in it");
	if (place >= 0 && (size_t)place >= count)
		return err_set(em, ERR_NOT_FOUND, "no image @%ld: there are %zu", place, count);
	*out = json_object_array_get_idx(list, place < 0 ? 0 : (size_t)place);
	return OK;
}

enum err docker_archive_choose(struct bytes text, const struct docker_archive_name *name, json_object **list,
			       struct saved_image *out, struct errmsg *em)
{
	json_object *item = NULL;
	*out = (struct saved_image){ .config = NULL };
	enum err e = json_parse(text, MANIFEST_SIZE_MAX, JSON_STRICT, list, em);
	if (e == OK && !json_object_is_type(*list, json_type_array))
		e = err_set(em, ERR_PARSE, "want a list of images");
	if (e == OK)
		e = name->tag ? tag_find(*list, name->tag, &item, em) : place_find(*list, name->place, &item, em);
	if (e == OK)
		e = image_read(item, out, em);
	return e == OK ? OK : err_wrap(em, e, "manifest.json");
}
