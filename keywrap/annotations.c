#define _GNU_SOURCE 1
#include "keywrap/annotations.h"

#include "common/base64.h"

#include <stdio.h>

void okw_annotations_clear(struct okw_annotations *annotations)
{
	if (!annotations)
		return;
	for (size_t i = 0; i < annotations->count; i++) {
		free(annotations->items[i].key);
		free(annotations->items[i].value);
	}
	free(annotations->items);
	*annotations = (struct okw_annotations){ 0 };
}

static struct okw_annotation *annotation_find(const struct okw_annotations *annotations, const char *key)
{
	for (size_t i = 0; annotations && i < annotations->count; i++)
		if (annotations->items[i].key && strcmp(annotations->items[i].key, key) == 0)
			return &annotations->items[i];
	return NULL;
}

const char *annotation_value(const struct okw_annotations *annotations, const char *key)
{
	const struct okw_annotation *found = annotation_find(annotations, key);
	return found && found->value && found->value[0] ? found->value : NULL;
}

static bool has_prefix(const struct okw_annotation *a, const char *prefix)
{
	return a->key && strncmp(a->key, prefix, strlen(prefix)) == 0;
}

int okw_layer_is_encrypted(const struct okw_annotations *annotations)
{
	for (size_t i = 0; annotations && i < annotations->count; i++)
		if (has_prefix(&annotations->items[i], ANNOTATION_PREFIX))
			return 1;
	return 0;
}

static enum err no_memory(struct errmsg *em)
{
	return err_nomem(em, "annotations");
}

enum err annotation_set(struct okw_annotations *annotations, const char *key, const char *value, struct errmsg *em)
{
	AUTO_STR
	char *value_copy = strdup(value);
	AUTO_STR
	char *key_copy = strdup(key);
	if (!value_copy || !key_copy)
		return no_memory(em);
	struct okw_annotation *found = annotation_find(annotations, key);
	if (found) {
		free(found->value);
		found->value = steal(&value_copy);
		return OK;
	}
	struct okw_annotation *more =
		realloc(annotations->items, (annotations->count + 1) * sizeof(*annotations->items));
	if (!more)
		return no_memory(em);
	annotations->items = more;
	more[annotations->count++] = (struct okw_annotation){ steal(&key_copy), steal(&value_copy) };
	return OK;
}

enum err annotation_append(struct okw_annotations *annotations, const char *key, struct bytes element,
			   struct errmsg *em)
{
	AUTO_STR
	char *base64 = base64_encode(BASE64_STD, element);
	AUTO_STR
	char *joined = NULL;
	const char *before = annotation_value(annotations, key);
	if (!base64 || asprintf(&joined, "%s%s%s", before ? before : "", before ? "," : "", base64) < 0)
		return no_memory(em);
	return annotation_set(annotations, key, joined, em);
}

enum err annotations_copy(const struct okw_annotations *from, const char *prefix, struct okw_annotations *to,
			  struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && from && i < from->count; i++)
		if (has_prefix(&from->items[i], prefix) && from->items[i].value)
			e = annotation_set(to, from->items[i].key, from->items[i].value, em);
	return e;
}

void annotations_drop(struct okw_annotations *annotations, const char *prefix)
{
	size_t kept = 0;
	for (size_t i = 0; i < annotations->count; i++) {
		struct okw_annotation *a = &annotations->items[i];
		if (has_prefix(a, prefix)) {
			free(a->key);
			free(a->value);
		} else {
			annotations->items[kept++] = *a;
		}
	}
	annotations->count = kept;
}
