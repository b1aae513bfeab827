#include "image/policy.h"

#include "common/base64.h"
#include "image/reference.h"

#define KEYS_MAX 1000

void requirement_clear(struct requirement *r)
{
	free(r->keys.items);
	free(r->rekor.items);
	free(r->certificate.roots.items);
	free(r->certificate.intermediates.items);
	*r = (struct requirement){ 0 };
}

/* One of the members that name keys: "keyPath", "keyDatas", ... */
struct key_member {
	const char *name;
	bool list;
	const char *inlined; /* as in struct policy_keys */
};

static enum err key_check(const char *text, bool inlined, struct errmsg *em)
{
	AUTO_BUF
	decoded = { 0 };
	if (!text[0])
		return err_set(em, ERR_PARSE, "is empty");
	return inlined ? base64_decode(BASE64_STD, bytes_str(text), &decoded, em) : OK;
}

static enum err key_take(json_object *json, bool inlined, const char **out, struct errmsg *em)
{
	if (!json_object_is_type(json, json_type_string))
		return err_set(em, ERR_PARSE, "want text");
	*out = json_object_get_string(json);
	if (strlen(*out) != (size_t)json_object_get_string_len(json))
		return err_set(em, ERR_PARSE, "holds a NUL");
	return key_check(*out, inlined, em);
}

static enum err keys_take(json_object *value, const struct key_member *member, struct policy_keys *out,
			  struct errmsg *em)
{
	bool list = json_object_is_type(value, json_type_array);
	size_t count = list ? json_object_array_length(value) : 1;
	if (list != member->list || count == 0 || count > KEYS_MAX)
		return err_set(em, ERR_PARSE, "want %s", member->list ? "a list that is not empty" : "text");
	out->items = calloc(count, sizeof(*out->items));
	if (!out->items)
		return err_nomem(em, "a policy");
	out->count = count;
	out->inlined = member->inlined;
	enum err e = OK;
	for (size_t i = 0; e == OK && i < count; i++)
		e = key_take(list ? json_object_array_get_idx(value, i) : value, member->inlined != NULL,
			     &out->items[i], em);
	return e;
}

/* At most one of `members` (ends with a NULL name). */
static enum err keys_parse(json_object *json, const struct key_member *members, struct policy_keys *out,
			   struct errmsg *em)
{
	for (const struct key_member *m = members; m->name; m++) {
		json_object *value = NULL;
		if (!json_object_object_get_ex(json, m->name, &value))
			continue;
		if (out->items)
			return err_set(em, ERR_PARSE, "\"%s\" beside another way to name keys", m->name);
		enum err e = keys_take(value, m, out, em);
		if (e != OK)
			return err_wrap(em, e, "\"%s\"", m->name);
	}
	return OK;
}

static enum err identity_parse(json_object *json, struct identity_rule *out, struct errmsg *em)
{
	json_object *rule = NULL;
	*out = (struct identity_rule){ .how = MATCH_REPO_DIGEST_OR_EXACT };
	if (!json_object_object_get_ex(json, "signedIdentity", &rule))
		return OK;
	enum err e = identity_rule_parse(rule, out, em);
	return e == OK ? OK : err_wrap(em, e, "\"signedIdentity\"");
}

static enum err accept_parse(json_object *json, struct requirement *out, struct errmsg *em)
{
	static const char *const names[] = { "type", NULL };
	(void)out;
	return json_only_members(json, names, em);
}

static enum err signed_by_parse(json_object *json, struct requirement *out, struct errmsg *em)
{
	static const char *const names[] = {
		"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity", NULL
	};
	static const struct key_member members[] = { { "keyPath", false, NULL },
						     { "keyPaths", true, NULL },
						     { "keyData", false, "the policy's keyData" },
						     { NULL, 0, 0 } };
	const char *type = NULL;
	enum err e = json_only_members(json, names, em);
	if (e == OK)
		e = json_get_string(json, "keyType", &type, em);
	if (e == OK && strcmp(type, "GPGKeys") != 0)
		e = err_set(em, ERR_PARSE, "\"keyType\" is not GPGKeys");
	if (e == OK)
		e = keys_parse(json, members, &out->keys, em);
	if (e == OK && out->keys.count == 0)
		e = err_set(em, ERR_PARSE, "one of keyPath, keyPaths and keyData is missing");
	return e == OK ? identity_parse(json, &out->identity, em) : e;
}

/* Leaves *out alone where there is none. */
static enum err text_take(json_object *json, const char *name, const char **out, struct errmsg *em)
{
	json_object *value = NULL;
	if (!json_object_object_get_ex(json, name, &value))
		return OK;
	enum err e = key_take(value, false, out, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

static enum err object_check(json_object *json, const char *const *names, struct errmsg *em)
{
	return json_object_is_type(json, json_type_object) ? json_only_members(json, names, em)
							   : err_set(em, ERR_PARSE, "want an object");
}

static enum err fulcio_parse(json_object *json, struct certificate_rule *out, struct errmsg *em)
{
	static const char *const names[] = { "caPath", "caData", "oidcIssuer", "subjectEmail", NULL };
	static const struct key_member roots[] = { { "caPath", false, NULL },
						   { "caData", false, "the policy's caData" },
						   { NULL, 0, 0 } };
	enum err e = object_check(json, names, em);
	if (e == OK)
		e = keys_parse(json, roots, &out->roots, em);
	if (e == OK)
		e = text_take(json, "oidcIssuer", &out->issuer, em);
	if (e == OK)
		e = text_take(json, "subjectEmail", &out->email, em);
	if (e == OK && out->roots.count == 0)
		e = err_set(em, ERR_PARSE, "one of caPath and caData is wanted");
	if (e == OK && (!out->issuer || !out->email))
		e = err_set(em, ERR_PARSE, "oidcIssuer and subjectEmail are wanted");
	out->fulcio = true;
	return e == OK ? OK : err_wrap(em, e, "\"fulcio\"");
}

static enum err pki_parse(json_object *json, struct certificate_rule *out, struct errmsg *em)
{
	static const char *const names[] = {
		"caRootsPath",     "caRootsData", "caIntermediatesPath", "caIntermediatesData", "subjectEmail",
		"subjectHostname", NULL
	};
	static const struct key_member roots[] = { { "caRootsPath", false, NULL },
						   { "caRootsData", false, "the policy's caRootsData" },
						   { NULL, 0, 0 } };
	static const struct key_member intermediates[] = { { "caIntermediatesPath", false, NULL },
							   { "caIntermediatesData", false,
							     "the policy's caIntermediatesData" },
							   { NULL, 0, 0 } };
	enum err e = object_check(json, names, em);
	if (e == OK)
		e = keys_parse(json, roots, &out->roots, em);
	if (e == OK)
		e = keys_parse(json, intermediates, &out->intermediates, em);
	if (e == OK)
		e = text_take(json, "subjectEmail", &out->email, em);
	if (e == OK)
		e = text_take(json, "subjectHostname", &out->hostname, em);
	if (e == OK && out->roots.count == 0)
		e = err_set(em, ERR_PARSE, "one of caRootsPath and caRootsData is wanted");
	if (e == OK && !out->email && !out->hostname)
		e = err_set(em, ERR_PARSE, "subjectEmail or subjectHostname is wanted");
	return e == OK ? OK : err_wrap(em, e, "\"pki\"");
}

/* Certificates instead of keys, or none of them. */
static enum err certificate_rule_parse(json_object *json, struct requirement *out, struct errmsg *em)
{
	json_object *fulcio = NULL;
	json_object *pki = NULL;
	bool has_fulcio = json_object_object_get_ex(json, "fulcio", &fulcio);
	bool has_pki = json_object_object_get_ex(json, "pki", &pki);
	if ((out->keys.count > 0) + has_fulcio + has_pki != 1)
		return err_set(em, ERR_PARSE,
			       "exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki is wanted");
	if (has_fulcio && out->rekor.count == 0)
		return err_set(em, ERR_PARSE, "fulcio wants a rekorPublicKeyPath, -Paths, -Data or -Datas");
	if (has_pki && out->rekor.count > 0)
		return err_set(em, ERR_PARSE, "a rekorPublicKey beside pki");
	if (has_fulcio)
		return fulcio_parse(fulcio, &out->certificate, em);
	return has_pki ? pki_parse(pki, &out->certificate, em) : OK;
}

static enum err sigstore_parse(json_object *json, struct requirement *out, struct errmsg *em)
{
	static const char *const names[] = { "type",
					     "keyPath",
					     "keyPaths",
					     "keyData",
					     "keyDatas",
					     "fulcio",
					     "pki",
					     "rekorPublicKeyPath",
					     "rekorPublicKeyPaths",
					     "rekorPublicKeyData",
					     "rekorPublicKeyDatas",
					     "signedIdentity",
					     NULL };
	static const struct key_member keys[] = { { "keyPath", false, NULL },
						  { "keyPaths", true, NULL },
						  { "keyData", false, "the policy's keyData" },
						  { "keyDatas", true, "the policy's keyDatas" },
						  { NULL, 0, 0 } };
	static const struct key_member rekor[] = { { "rekorPublicKeyPath", false, NULL },
						   { "rekorPublicKeyPaths", true, NULL },
						   { "rekorPublicKeyData", false, "the policy's rekorPublicKeyData" },
						   { "rekorPublicKeyDatas", true, "the policy's rekorPublicKeyDatas" },
						   { NULL, 0, 0 } };
	enum err e = json_only_members(json, names, em);
	if (e == OK)
		e = keys_parse(json, keys, &out->keys, em);
	if (e == OK)
		e = keys_parse(json, rekor, &out->rekor, em);
	if (e == OK)
		e = certificate_rule_parse(json, out, em);
	return e == OK ? identity_parse(json, &out->identity, em) : e;
}

static const struct {
	const char *name;
	enum requirement_type type;
	enum err (*parse)(json_object *json, struct requirement *out, struct errmsg *em);
} types[] = {
	{ "insecureAcceptAnything", REQUIRE_NOTHING, accept_parse },
	{ "reject", REQUIRE_REJECT, accept_parse },
	{ "signedBy", REQUIRE_SIGNED_BY, signed_by_parse },
	{ "sigstoreSigned", REQUIRE_SIGSTORE_SIGNED, sigstore_parse },
};

enum err requirement_parse(json_object *json, struct requirement *out, struct errmsg *em)
{
	const char *type = NULL;
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	enum err e = json_get_string(json, "type", &type, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, type) != 0)
			continue;
		out->type = types[i].type;
		e = types[i].parse(json, out, em);
		return e == OK ? OK : err_wrap(em, e, "%s", type);
	}
	return err_set(em, ERR_PARSE, "unknown type \"%.100s\"", type);
}
