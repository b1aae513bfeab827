#include "image/signature_payload.h"

#include <stdio.h>

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

/* --- in-toto ------------------------------------------------------------------------------------------------------ */

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define SIGN_PREDICATE "https://sigstore.dev/cosign/sign/v1"

void signature_statement_clear(struct signature_statement *s)
{
	json_object_put(s->root);
	*s = (struct signature_statement){ .root = NULL };
}

static enum err digest_take(json_object *digest, struct signature_statement *out, struct errmsg *em)
{
	const char *value = NULL;
	if (json_object_object_length(digest) != 1)
		return err_set(em, ERR_PARSE, "\"digest\" has not exactly one member");
	json_object_object_foreach(digest, algorithm, ignored)
	{
		(void)ignored;
		enum err e = json_get_string(digest, algorithm, &value, em);
		if (e != OK)
			return e;
		int n = snprintf(out->digest, sizeof(out->digest), "%s:%s", algorithm, value);
		if (n < 0 || (size_t)n >= sizeof(out->digest))
			return err_set(em, ERR_PARSE, "\"digest\" is none");
	}
	return digest_check(out->digest, em);
}

static enum err subject_take(json_object *list, struct signature_statement *out, struct errmsg *em)
{
	static const char *const names[] = { "name", "digest", "annotations", NULL };
	json_object *one = list && json_object_array_length(list) == 1 ? json_object_array_get_idx(list, 0) : NULL;
	json_object *digest = NULL;
	if (!json_object_is_type(one, json_type_object))
		return err_set(em, ERR_PARSE, "it has not exactly one subject");
	enum err e = json_only_members(one, names, em);
	if (e == OK)
		e = json_get_string_opt(one, "name", &out->name, em);
	if (e == OK)
		e = json_get_object(one, "digest", &digest, em);
	if (out->name && !out->name[0])
		out->name = NULL;
	return e == OK ? digest_take(digest, out, em) : e;
}

static enum err statement_read(struct signature_statement *out, struct errmsg *em)
{
	static const char *const names[] = { "_type", "subject", "predicateType", "predicate", NULL };
	json_object *subject = NULL;
	const char *type = NULL;
	const char *predicate = NULL;
	enum err e = json_object_is_type(out->root, json_type_object) ? json_only_members(out->root, names, em)
								      : err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_get_string(out->root, "predicateType", &predicate, em);
	if (e == OK && strcmp(predicate, SIGN_PREDICATE) != 0)
		e = err_set(em, ERR_UNSUPPORTED, "it is an attestation of %.100s, which is no signature", predicate);
	if (e == OK)
		e = json_get_string(out->root, "_type", &type, em);
	if (e == OK && strcmp(type, STATEMENT_TYPE) != 0)
		e = err_set(em, ERR_UNSUPPORTED, "it is no statement of the type " STATEMENT_TYPE);
	if (e == OK)
		e = json_get_array_opt(out->root, "subject", &subject, em);
	return e == OK ? subject_take(subject, out, em) : e;
}

enum err signature_statement_parse(struct bytes text, struct signature_statement *out, struct errmsg *em)
{
	enum err e = json_parse(text, PAYLOAD_MAX, JSON_STRICT, &out->root, em);
	if (e == OK)
		e = statement_read(out, em);
	if (e == OK)
		return OK;
	signature_statement_clear(out);
	return err_wrap(em, e, "the signed statement");
}
