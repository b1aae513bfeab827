#include "image/index.h"

#include "image/platform.h"

#include <stdio.h>

void index_free(struct index *index)
{
	if (!index)
		return;
	json_object_put(index->root);
	free(index->manifests);
	free(index);
}

static enum err manifests_read(struct index *index, struct errmsg *em)
{
	enum err e = json_get_array_opt(index->root, "manifests", &index->array, em);
	if (e != OK)
		return e;
	if (!index->array)
		return err_set(em, ERR_PARSE, "no \"manifests\"");
	size_t count = json_object_array_length(index->array);
	index->manifests = calloc(count ? count : 1, sizeof(*index->manifests));
	if (!index->manifests)
		return err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		e = descriptor_read(json_object_array_get_idx(index->array, i), &index->manifests[i], em);
		if (e != OK)
			return err_wrap(em, e, "entry %zu", i);
	}
	index->count = count;
	return OK;
}

enum err index_parse(struct bytes raw, const char *media_type, struct index **out, struct errmsg *em)
{
	static const char *const foreign[] = { "config", "layers", "fsLayers", "history", NULL };
	if (!media_type_is_index(media_type))
		return err_set(em, ERR_UNSUPPORTED, "%s is not an image index that is known here", media_type);
	AUTO(index) *index = calloc(1, sizeof(*index));
	if (!index)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = json_parse(raw, INDEX_SIZE_MAX, JSON_STRICT, &index->root, em);
	if (e == OK)
		e = manifest_check_header(index->root, media_type, em);
	if (e == OK)
		e = manifest_refuse_members(index->root, foreign, em);
	if (e == OK)
		e = manifests_read(index, em);
	if (e != OK)
		return err_wrap(em, e, "image index");
	*out = steal(&index);
	return OK;
}

enum err index_find_tag(const struct index *index, const char *tag, const struct descriptor **out, struct errmsg *em)
{
	const struct descriptor *found = NULL;
	for (size_t i = 0; i < index->count; i++) {
		const char *name = descriptor_annotation(&index->manifests[i], ANNOTATION_REF_NAME);
		if (!name || strcmp(name, tag) != 0)
			continue;
		/* Peers take the first; which one was meant cannot be known. */
		if (found && strcmp(found->digest, index->manifests[i].digest) != 0)
			return err_set(em, ERR_PARSE, "\"%s\" is the name of several manifests", tag);
		found = &index->manifests[i];
	}
	if (!found)
		return err_set(em, ERR_NOT_FOUND, "no image is named \"%s\"", tag);
	*out = found;
	return OK;
}

enum err index_only(const struct index *index, const struct descriptor **out, struct errmsg *em)
{
	if (index->count == 0)
		return err_set(em, ERR_NOT_FOUND, "no image in it");
	if (index->count > 1)
		return err_set(em, ERR_ARG, "%zu images in it: name one by its tag, or as @N by its place",
			       index->count);
	*out = &index->manifests[0];
	return OK;
}

enum err index_choose(const struct index *index, const struct image_platform *want, const struct descriptor **out,
		      struct errmsg *em)
{
	int best = 0;
	for (size_t i = 0; i < index->count; i++) {
		int score = 0;
		enum err e = platform_match(index->manifests[i].json, want, &score, em);
		if (e != OK)
			return err_wrap(em, e, "image index: entry %zu", i);
		if (score <= best)
			continue;
		best = score;
		*out = &index->manifests[i];
	}
	if (best > 0)
		return OK;
	char wanted[PLATFORM_TEXT_SIZE];
	platform_text(want, wanted);
	return err_set(em, ERR_NOT_FOUND,
		       "none of the index's %zu images is for %s (--override-os, --override-arch and "
		       "--override-variant choose others)",
		       index->count, wanted);
}

static json_object *entry_json(const struct index_entry *entry)
{
	AUTO_OF(json_object) *obj = json_object_new_object();
	if (!obj || json_object_object_add(obj, "mediaType", json_object_new_string(entry->media_type)) != 0 ||
	    json_object_object_add(obj, "digest", json_object_new_string(entry->digest)) != 0 ||
	    json_object_object_add(obj, "size", json_object_new_int64((int64_t)entry->size)) != 0)
		return NULL;
	if (!entry->tag)
		return steal(&obj);
	json_object *annotations = json_object_new_object();
	if (!annotations || json_object_object_add(obj, "annotations", annotations) != 0)
		return NULL;
	if (json_object_object_add(annotations, ANNOTATION_REF_NAME, json_object_new_string(entry->tag)) != 0)
		return NULL;
	return steal(&obj);
}

/* True if `d` makes way for, or is, the new entry. */
static bool entry_replaced(const struct descriptor *d, const struct index_entry *entry)
{
	const char *name = descriptor_annotation(d, ANNOTATION_REF_NAME);
	if (entry->tag && name)
		return strcmp(name, entry->tag) == 0;
	return !name && strcmp(d->digest, entry->digest) == 0;
}

enum err index_text(const struct index *index, struct buf *out, struct errmsg *em)
{
	AUTO_STR
	char *text = json_text(index->root);
	if (!text)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = buf_append(out, bytes_str(text), INDEX_SIZE_MAX, em);
	return e == OK ? OK : err_wrap(em, e, "the new index");
}

enum err index_swap(struct index *index, size_t place, const struct index_swap *swap, struct errmsg *em)
{
	json_object *entry = json_object_array_get_idx(index->array, place);
	json_object *const values[] = { json_object_new_string(swap->to->media_type),
					json_object_new_string(swap->to->digest),
					json_object_new_int64((int64_t)swap->to->bytes.len) };
	static const char *const names[] = { "mediaType", "digest", "size" };
	bool done = true;
	/* Both would lead to the old bytes. */
	json_object_object_del(entry, "data");
	json_object_object_del(entry, "urls");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (done && values[i] && json_object_object_add(entry, names[i], values[i]) == 0)
			continue;
		done = false;
		json_object_put(values[i]);
	}
	return done ? OK : err_set(em, ERR_NOMEM, "no memory");
}

enum err index_put(struct index *index, const struct index_entry *entry, struct buf *out, struct errmsg *em)
{
	bool listed = false;
	for (size_t i = 0; i < index->count; i++)
		listed |= strcmp(index->manifests[i].digest, entry->digest) == 0;
	if (entry->tag || !listed) {
		for (size_t i = index->count; i > 0; i--)
			if (entry_replaced(&index->manifests[i - 1], entry))
				json_object_array_del_idx(index->array, i - 1, 1);
		json_object *obj = entry_json(entry);
		if (!obj || json_object_array_add(index->array, obj) != 0) {
			json_object_put(obj);
			return err_set(em, ERR_NOMEM, "no memory");
		}
	}
	return index_text(index, out, em);
}
