#include "image/signature_payload.h"

#define PAYLOAD_MAX ((size_t)1 << 20)

void signature_payload_clear(struct signature_payload *p)
{
	json_object_put(p->root);
	*p = (struct signature_payload){ 0 };
}

/* An object with just these members. */
static enum err exactly(json_object *json, const char *const *names, struct errmsg *em)
{
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	enum err e = json_only_members(json, names, em);
	for (; e == OK && *names; names++)
		if (!json_object_object_get_ex(json, *names, NULL))
			e = err_set(em, ERR_PARSE, "\"%s\" is missing", *names);
	return e;
}

static enum err critical_parse(json_object *critical, const char *type, struct signature_payload *out,
			       struct errmsg *em)
{
	static const char *const names[] = { "type", "image", "identity", NULL };
	static const char *const image_names[] = { "docker-manifest-digest", NULL };
	static const char *const identity_names[] = { "docker-reference", NULL };
	json_object *image = NULL;
	json_object *identity = NULL;
	const char *text = NULL;
	enum err e = exactly(critical, names, em);
	if (e == OK)
		e = json_get_string(critical, "type", &text, em);
	if (e == OK && strcmp(text, type) != 0)
		e = err_set(em, ERR_PARSE, "\"type\" is not \"%s\"", type);
	if (e == OK)
		e = json_get_object(critical, "image", &image, em);
	if (e == OK)
		e = exactly(image, image_names, em);
	if (e == OK)
		e = json_get_string(image, "docker-manifest-digest", &out->digest, em);
	if (e == OK)
		e = json_get_object(critical, "identity", &identity, em);
	if (e == OK)
		e = exactly(identity, identity_names, em);
	return e == OK ? json_get_string(identity, "docker-reference", &out->reference, em) : e;
}

/* Nothing in it counts, but it is as it should be. Cosign leaves it null. */
static enum err optional_check(json_object *optional, const char *type, struct errmsg *em)
{
	json_object *value = NULL;
	if (!optional && strcmp(type, PAYLOAD_COSIGN) == 0)
		return OK;
	if (!json_object_is_type(optional, json_type_object))
		return err_set(em, ERR_PARSE, "\"optional\" is no object");
	if (json_object_object_get_ex(optional, "creator", &value) && !json_object_is_type(value, json_type_string))
		return err_set(em, ERR_PARSE, "\"creator\" is no text");
	if (json_object_object_get_ex(optional, "timestamp", &value) && !json_object_is_type(value, json_type_int))
		return err_set(em, ERR_PARSE, "\"timestamp\" is no whole number");
	return OK;
}

enum err signature_payload_parse(struct bytes text, const char *type, struct signature_payload *out, struct errmsg *em)
{
	static const char *const names[] = { "critical", "optional", NULL };
	json_object *critical = NULL;
	enum err e = json_parse(text, PAYLOAD_MAX, JSON_STRICT, &out->root, em);
	if (e == OK)
		e = exactly(out->root, names, em);
	if (e == OK)
		e = json_get_object(out->root, "critical", &critical, em);
	if (e == OK)
		e = critical_parse(critical, type, out, em);
	if (e == OK)
		e = optional_check(json_object_object_get(out->root, "optional"), type, em);
	if (e == OK)
		return OK;
	signature_payload_clear(out);
	return err_wrap(em, e, "the signed statement");
}
