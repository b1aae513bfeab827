#include "kbs/composite.h"

#include "attest/verifier.h"

enum { ADDITIONAL_MAX = 1 << 20, DEVICES_MAX = 16 };

enum err composite_init_data(json_object *root, struct init_data **out, struct errmsg *em)
{
	static const char *const names[] = { "format", "body", NULL };
	json_object *member = NULL;
	const char *format = NULL;
	const char *body = NULL;
	*out = NULL;
	enum err e = json_get_object_opt(root, "init-data", &member, em);
	if (e != OK || !member)
		return e;
	e = json_only_members(member, names, em);
	if (e == OK)
		e = json_get_string(member, "format", &format, em);
	if (e == OK)
		e = json_get_string(member, "body", &body, em);
	if (e == OK)
		e = init_data_parse(bytes_str(body), out, em);
	if (e == OK && strcmp(format, init_data_format(*out)) != 0)
		e = err_set(em, ERR_PARSE, "init data: \"format\" is \"%.16s\", the body is %s", format,
			    init_data_format(*out));
	return e;
}

static enum err device_verify(const struct composite_devices *devices, const char *name, json_object *evidence,
			      json_object *claims, struct errmsg *em)
{
	struct verifier_policy policy = { .allow_sample = devices->allow_sample };
	struct verifier_request request = { "sample", evidence, devices->digest, NULL };
	json_object *said = NULL;
	if (strcmp(name, "sampledevice") != 0)
		return err_set(em, ERR_ATTEST, "no verifier for evidence of the device \"%.32s\"", name);
	enum err e = verifier_check(&policy, &request, &said, em);
	if (e == OK && json_object_object_add(claims, name, said) != 0) {
		json_object_put(said);
		e = err_nomem(em, "claims");
	}
	return e == OK ? OK : err_wrap(em, e, "device \"%.32s\"", name);
}

enum err composite_devices_verify(const struct composite_devices *devices, json_object **claims, struct errmsg *em)
{
	AUTO_OF(json_object) *all = NULL;
	AUTO_OF(json_object) *said = json_object_new_object();
	*claims = NULL;
	if (strcmp(devices->text, "") == 0 || strcmp(devices->text, "{}") == 0)
		return OK;
	enum err e = json_parse(bytes_str(devices->text), ADDITIONAL_MAX, JSON_STRICT, &all, em);
	if (e == OK && !json_object_is_type(all, json_type_object))
		e = err_set(em, ERR_PARSE, "no object");
	if (e != OK)
		return err_wrap(em, e, "\"additional_evidence\"");
	if (!said || json_object_object_length(all) > DEVICES_MAX)
		return err_set(em, said ? ERR_LIMIT : ERR_NOMEM, "more than %d devices", DEVICES_MAX);
	json_object_object_foreach(all, name, evidence)
	{
		e = device_verify(devices, name, evidence, said, em);
		if (e != OK)
			return e;
	}
	*claims = steal(&said);
	return OK;
}
