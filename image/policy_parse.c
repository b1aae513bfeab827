#include "image/policy.h"

#include "image/scope.h"

static enum err list_parse(json_object *json, struct policy_scope *scope, struct errmsg *em)
{
	size_t count = json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 0;
	if (count == 0)
		return err_set(em, ERR_PARSE, "want a list of requirements that is not empty");
	scope->list = calloc(count, sizeof(*scope->list));
	if (!scope->list)
		return err_nomem(em, "a policy");
	for (size_t i = 0; i < count; i++) {
		scope->count = i + 1;
		enum err e = requirement_parse(json_object_array_get_idx(json, i), &scope->list[i], em);
		if (e != OK)
			return err_wrap(em, e, "requirement %zu", i + 1);
	}
	return OK;
}

/* Paths are compared as text: only what realpath() would say can ever fit. */
static enum err path_scope_check(const char *name, struct errmsg *em)
{
	size_t len = strlen(name);
	if (len == 0)
		return OK;
	bool clean = name[0] == '/' && len > 1 && name[len - 1] != '/';
	for (const char *at = name; clean && *at; at++)
		if (*at == '/' && (at[1] == '/' || strncmp(at, "/./", 3) == 0 || strncmp(at, "/../", 4) == 0 ||
				   strcmp(at, "/.") == 0 || strcmp(at, "/..") == 0))
			clean = false;
	return clean ? OK
		     : err_set(em, ERR_PARSE, "want an absolute path without . and .., and not / (\"\" is for all)");
}

static bool scope_is_path(const char *transport)
{
	static const char *const names[] = { "oci", "dir", "oci-archive", "sif" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], transport) == 0)
			return true;
	return false;
}

static enum err scope_add(struct policy *policy, struct policy_scope scope, json_object *json, struct errmsg *em)
{
	struct policy_scope *grown = reallocarray(policy->scopes, policy->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(em, "a policy");
	policy->scopes = grown;
	policy->scopes[policy->count] = scope;
	enum err e = OK;
	if (scope_is_path(scope.transport))
		e = path_scope_check(scope.name, em);
	else if (strcmp(scope.transport, "docker-archive") == 0 && scope.name[0])
		e = err_set(em, ERR_PARSE, "archives of Docker's have no scope but \"\"");
	return e == OK ? list_parse(json, &policy->scopes[policy->count++], em) : e;
}

static enum err transport_parse(struct policy *policy, const char *transport, json_object *json, struct errmsg *em)
{
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	json_object_object_foreach(json, name, list)
	{
		enum err e = scope_add(policy, (struct policy_scope){ transport, name, NULL, 0 }, list, em);
		if (e != OK)
			return err_wrap(em, e, "scope \"%.200s\"", name);
	}
	return OK;
}

static enum err root_parse(struct policy *policy, struct errmsg *em)
{
	static const char *const names[] = { "default", "transports", NULL };
	json_object *list = NULL;
	json_object *transports = NULL;
	if (!json_object_is_type(policy->root, json_type_object))
		return err_set(em, ERR_PARSE, "want an object");
	enum err e = json_only_members(policy->root, names, em);
	if (e != OK)
		return e;
	if (!json_object_object_get_ex(policy->root, "default", &list))
		return err_set(em, ERR_PARSE, "\"default\" is missing");
	e = scope_add(policy, (struct policy_scope){ "", "", NULL, 0 }, list, em);
	if (e != OK)
		return err_wrap(em, e, "default");
	if (!json_object_object_get_ex(policy->root, "transports", &transports))
		return OK;
	if (!json_object_is_type(transports, json_type_object))
		return err_set(em, ERR_PARSE, "\"transports\" is no object");
	json_object_object_foreach(transports, name, scopes)
	{
		e = transport_parse(policy, name, scopes, em);
		if (e != OK)
			return err_wrap(em, e, "transport \"%.100s\"", name);
	}
	return OK;
}

enum err policy_parse(struct bytes text, struct policy **out, struct errmsg *em)
{
	AUTO(policy) *policy = calloc(1, sizeof(*policy));
	if (!policy)
		return err_nomem(em, "a policy");
	enum err e = json_parse(text, POLICY_SIZE_MAX, JSON_STRICT, &policy->root, em);
	if (e == OK)
		e = root_parse(policy, em);
	if (e == OK)
		*out = steal(&policy);
	return e;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->count; i++) {
		for (size_t j = 0; j < policy->scopes[i].count; j++)
			requirement_clear(&policy->scopes[i].list[j]);
		free(policy->scopes[i].list);
	}
	free(policy->scopes);
	json_object_put(policy->root);
	free(policy);
}

struct search {
	const struct policy *policy;
	const char *transport;
	const struct policy_scope *found;
};

static bool is_scope(void *ctx, struct bytes name)
{
	struct search *s = ctx;
	for (size_t i = 1; i < s->policy->count && !s->found; i++)
		if (strcmp(s->policy->scopes[i].transport, s->transport) == 0 &&
		    bytes_equal(bytes_str(s->policy->scopes[i].name), name))
			s->found = &s->policy->scopes[i];
	return s->found != NULL;
}

const struct policy_scope *policy_find(const struct policy *policy, const char *transport, const char *scope)
{
	struct search s = { policy, transport, NULL };
	if (scope_walk(transport, scope, is_scope, &s) || is_scope(&s, (struct bytes){ (const uint8_t *)"", 0 }))
		return s.found;
	return &policy->scopes[0];
}
