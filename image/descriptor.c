#include "image/descriptor.h"

#include <strings.h>

bool media_type_valid(const char *media_type)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+";
	size_t type = strspn(media_type, name);
	if (type == 0 || type > 127 || media_type[type] != '/')
		return false;
	size_t subtype = strspn(media_type + type + 1, name);
	return subtype > 0 && subtype <= 127 && media_type[type + 1 + subtype] == 0;
}

enum err json_refuse_case_variants(json_object *obj, const char *const *names, struct errmsg *em)
{
	json_object_object_foreach(obj, member, value)
	{
		(void)value;
		for (const char *const *name = names; *name; name++)
			if (strcasecmp(member, *name) == 0 && strcmp(member, *name) != 0)
				return err_set(em, ERR_PARSE, "a member named \"%s\" but for letter case", *name);
	}
	return OK;
}

static enum err annotations_check(json_object *descriptor, struct errmsg *em)
{
	json_object *annotations = NULL;
	enum err e = json_get_object_opt(descriptor, "annotations", &annotations, em);
	if (e != OK || !annotations)
		return e;
	json_object_object_foreach(annotations, key, value)
	{
		const char *text = json_object_get_string(value);
		if (!json_object_is_type(value, json_type_string) ||
		    strlen(text) != (size_t)json_object_get_string_len(value) || !*key)
			return err_set(em, ERR_PARSE, "an annotation is not a string without NULs");
	}
	return OK;
}

static const char *const members[] = { "mediaType", "digest", "size", "annotations", "urls", "platform", NULL };

enum err descriptor_read(json_object *json, struct descriptor *out, struct errmsg *em)
{
	struct descriptor d = { .json = json, .size = -1 };
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "the descriptor is not an object");
	enum err e = json_refuse_case_variants(json, members, em);
	if (e == OK)
		e = json_get_string(json, "mediaType", &d.media_type, em);
	if (e == OK && !media_type_valid(d.media_type))
		e = err_set(em, ERR_PARSE, "malformed mediaType");
	if (e == OK)
		e = json_get_string(json, "digest", &d.digest, em);
	if (e == OK)
		e = digest_check(d.digest, em);
	if (e == OK)
		e = json_get_int_opt(json, "size", 0, DESCRIPTOR_SIZE_MAX, &d.size, em);
	if (e == OK && d.size < 0)
		e = err_set(em, ERR_PARSE, "the descriptor has no size");
	if (e == OK)
		e = annotations_check(json, em);
	if (e != OK)
		return e;
	*out = d;
	return OK;
}

const char *descriptor_annotation(const struct descriptor *d, const char *key)
{
	json_object *annotations = NULL;
	json_object *value = NULL;
	if (!json_object_object_get_ex(d->json, "annotations", &annotations) ||
	    !json_object_object_get_ex(annotations, key, &value))
		return NULL;
	return json_object_get_string(value);
}
