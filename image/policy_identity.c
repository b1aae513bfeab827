#include "image/policy.h"

#include "image/reference.h"

#include <stdio.h>

/* containers-policy.json(5), "signedBy", "signedIdentity". */

/* Parsing gives a name without a tag "latest"; a policy must know that it had none. */
struct signed_name {
	struct reference reference;
	char *repository; /* "host/path" */
	char *text;
	bool bare; /* neither tag nor digest */
};

static void signed_name_clear(struct signed_name *n)
{
	reference_clear(&n->reference);
	free(n->repository);
	free(n->text);
}
#define AUTO_NAME __attribute__((cleanup(signed_name_clear))) struct signed_name

static enum err name_read(const char *text, struct signed_name *out, struct errmsg *em)
{
	enum err e = reference_parse_signed(text, &out->reference, em);
	if (e != OK)
		return e;
	const char *slash = strrchr(text, '/');
	out->bare = !strchr(text, '@') && !strchr(slash ? slash : text, ':');
	out->text = reference_text(&out->reference);
	if (asprintf(&out->repository, "%s/%s", out->reference.host, out->reference.path) < 0)
		out->repository = NULL;
	return out->text && out->repository ? OK : err_nomem(em, "a name");
}

static enum err reference_rule(json_object *json, struct identity_rule *out, struct errmsg *em)
{
	AUTO_NAME name = { 0 };
	enum err e = json_get_string(json, "dockerReference", &out->value, em);
	if (e == OK && name_read(out->value, &name, em) != OK)
		e = err_wrap(em, ERR_PARSE, "\"dockerReference\"");
	if (e == OK && name.bare)
		e = err_set(em, ERR_PARSE, "\"dockerReference\" has neither tag nor digest");
	return e;
}

static enum err repository_rule(json_object *json, struct identity_rule *out, struct errmsg *em)
{
	AUTO_NAME name = { 0 };
	enum err e = json_get_string(json, "dockerRepository", &out->value, em);
	if (e == OK && name_read(out->value, &name, em) != OK)
		e = err_wrap(em, ERR_PARSE, "\"dockerRepository\"");
	return e;
}

/* A host, or a host and a path: expanded, so that "docker.io/library/" is never guessed at. */
static bool prefix_valid(const char *prefix)
{
	size_t len = strcspn(prefix, "/");
	AUTO_STR
	char *host = strndup(prefix, len);
	return host && reference_host_valid(host) && (!prefix[len] || reference_path_valid(prefix + len + 1));
}

static enum err remap_rule(json_object *json, struct identity_rule *out, struct errmsg *em)
{
	enum err e = json_get_string(json, "prefix", &out->value, em);
	if (e == OK)
		e = json_get_string(json, "signedPrefix", &out->signed_prefix, em);
	if (e == OK && (!prefix_valid(out->value) || !prefix_valid(out->signed_prefix)))
		e = err_set(em, ERR_PARSE, "prefix and signedPrefix want a host, or host/path");
	return e;
}

static const struct {
	const char *name;
	enum identity_match how;
	const char *members[4];
	enum err (*parse)(json_object *json, struct identity_rule *out, struct errmsg *em);
} kinds[] = {
	{ "matchExact", MATCH_EXACT, { "type" }, NULL },
	{ "matchRepoDigestOrExact", MATCH_REPO_DIGEST_OR_EXACT, { "type" }, NULL },
	{ "matchRepository", MATCH_REPOSITORY, { "type" }, NULL },
	{ "exactReference", MATCH_EXACT_REFERENCE, { "type", "dockerReference" }, reference_rule },
	{ "exactRepository", MATCH_EXACT_REPOSITORY, { "type", "dockerRepository" }, repository_rule },
	{ "remapIdentity", MATCH_REMAPPED, { "type", "prefix", "signedPrefix" }, remap_rule },
};

enum err identity_rule_parse(json_object *json, struct identity_rule *out, struct errmsg *em)
{
	const char *type = NULL;
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	enum err e = json_get_string(json, "type", &type, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, type) != 0)
			continue;
		out->how = kinds[i].how;
		e = json_only_members(json, kinds[i].members, em);
		return e == OK && kinds[i].parse ? kinds[i].parse(json, out, em) : e;
	}
	return err_set(em, ERR_PARSE, "unknown type \"%.100s\"", type);
}

/* "host/path:tag" with the prefix exchanged, where it ends at a "/" or with the name; else as it was. malloc'd. */
static char *remap(const struct identity_rule *rule, const struct signed_name *wanted)
{
	size_t len = strlen(rule->value);
	char *text = NULL;
	char next = strlen(wanted->repository) < len ? 'x' : wanted->repository[len];
	if (strncmp(wanted->repository, rule->value, len) != 0 || (next && next != '/'))
		return strdup(wanted->text);
	return asprintf(&text, "%s%s", rule->signed_prefix, wanted->text + len) < 0 ? NULL : text;
}

static bool is_exactly(const struct signed_name *wanted, const struct signed_name *s)
{
	return !wanted->bare && !s->bare && strcmp(wanted->text, s->text) == 0;
}

static bool is_repo_digest_or_exact(const struct signed_name *wanted, const struct signed_name *s)
{
	if (!wanted->reference.tag) /* the manifest's digest is checked with the payload */
		return !s->bare && strcmp(wanted->repository, s->repository) == 0;
	return is_exactly(wanted, s);
}

/* The name that the rule compares with: its own, or the image's. */
static enum err wanted_read(const struct identity_rule *rule, const char *wanted, struct signed_name *out,
			    struct errmsg *em)
{
	bool own = rule->how == MATCH_EXACT_REFERENCE || rule->how == MATCH_EXACT_REPOSITORY;
	if (!own && !wanted)
		return err_set(em, ERR_DENIED,
			       "the image was not asked for by a registry's name, and the policy's signedIdentity "
			       "compares with one: exactReference and exactRepository do not");
	enum err e = name_read(own ? rule->value : wanted, out, em);
	if (e != OK || rule->how != MATCH_REMAPPED)
		return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "the image's name");
	AUTO_STR
	char *other = remap(rule, out);
	signed_name_clear(out);
	*out = (struct signed_name){ 0 };
	if (!other)
		return err_nomem(em, "a name");
	e = name_read(other, out, em);
	return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "remapIdentity makes \"%.200s\"", other);
}

enum err identity_rule_check(const struct identity_rule *rule, const char *wanted, const char *signed_as,
			     struct errmsg *em)
{
	AUTO_NAME want = { 0 };
	AUTO_NAME name = { 0 };
	enum err e = wanted_read(rule, wanted, &want, em);
	if (e != OK)
		return e;
	e = name_read(signed_as, &name, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "it is signed for a name that is none");
	bool fits = false;
	switch (rule->how) {
	case MATCH_EXACT:
	case MATCH_EXACT_REFERENCE:
		fits = is_exactly(&want, &name);
		break;
	case MATCH_REPOSITORY:
	case MATCH_EXACT_REPOSITORY:
		fits = strcmp(want.repository, name.repository) == 0;
		break;
	case MATCH_REPO_DIGEST_OR_EXACT:
	case MATCH_REMAPPED:
		fits = is_repo_digest_or_exact(&want, &name);
		break;
	}
	if (fits)
		return OK;
	return err_set(em, ERR_DENIED, "it is signed for \"%.200s\"%s, and %s is wanted", signed_as,
		       name.bare ? " (no tag, no digest)" : "",
		       rule->how == MATCH_REPOSITORY || rule->how == MATCH_EXACT_REPOSITORY ? want.repository
											    : want.text);
}
