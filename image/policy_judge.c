#include "image/policy_judge.h"

#include "image/evidence.h"
#include "image/policy_file.h"

#include <stdio.h>

/* No policy anywhere. */
static enum err without_policy(const struct image_source *source, const struct policy_choice *choice, struct errmsg *em)
{
	if (strcmp(source->identity.transport, "docker") != 0)
		return OK;
	return err_set(em, ERR_DENIED,
		       "there is no policy for images of registries: none of %s is there; write one "
		       "(containers-policy.json(5)), name one with --policy, or take whatever comes with "
		       "--insecure-policy",
		       choice->looked);
}

static const char *const type_names[] = {
	[REQUIRE_NOTHING] = "insecureAcceptAnything",
	[REQUIRE_REJECT] = "reject",
	[REQUIRE_SIGNED_BY] = "signedBy",
	[REQUIRE_SIGSTORE_SIGNED] = "sigstoreSigned",
};

static enum err requirement_judge(struct evidence *ev, const struct requirement *r, struct held_by *by,
				  struct errmsg *em)
{
	switch (r->type) {
	case REQUIRE_NOTHING:
		return OK;
	case REQUIRE_REJECT:
		return err_set(em, ERR_DENIED, "such images are refused");
	case REQUIRE_SIGNED_BY:
		return judge_signed_by(ev, r, by, em);
	case REQUIRE_SIGSTORE_SIGNED:
		return judge_sigstore(ev, r, by, em);
	}
	return err_set(em, ERR_INTERNAL, "a requirement of no type");
}

static enum err held_add(json_object *held, const char *type, const struct held_by *by, struct errmsg *em)
{
	AUTO_STR
	char *text = NULL;
	if (!held)
		return OK;
	if (asprintf(&text, "%s%s%s", type, by->text[0] ? ": " : "", by->text) < 0) {
		text = NULL;
		return err_set(em, ERR_NOMEM, "no memory");
	}
	return json_add_text(held, NULL, text) ? OK : err_set(em, ERR_NOMEM, "no memory");
}

/* "transport "docker", scope "example.com"", or "the default". */
static void scope_name(const struct policy_scope *scope, char *to, size_t size)
{
	if (!scope->transport[0])
		snprintf(to, size, "the default");
	else
		snprintf(to, size, "%.40s \"%.200s\"", scope->transport, scope->name);
}

/* All must hold. */
static enum err scope_judge(struct evidence *ev, const struct policy_scope *scope, json_object *held, struct errmsg *em)
{
	char name[300];
	enum err e = OK;
	scope_name(scope, name, sizeof(name));
	for (size_t i = 0; e == OK && i < scope->count; i++) {
		const struct requirement *r = &scope->list[i];
		struct held_by by = { "" };
		e = requirement_judge(ev, r, &by, em);
		if (e == OK)
			e = held_add(held, type_names[r->type], &by, em);
		else if (r->certificate.roots.count > 0)
			e = err_wrap(em, e, "%s, requirement %zu (%s by certificates of %s)", name, i + 1,
				     type_names[r->type], policy_key_name(&r->certificate.roots, 0));
		else if (r->keys.count > 0)
			e = err_wrap(em, e, "%s, requirement %zu (%s by %s%s)", name, i + 1, type_names[r->type],
				     policy_key_name(&r->keys, 0), r->keys.count > 1 ? " and others" : "");
		else
			e = err_wrap(em, e, "%s, requirement %zu (%s)", name, i + 1, type_names[r->type]);
	}
	return e;
}

enum err image_policy_check(struct image_source *source, const struct raw_manifest *raw,
			    const struct image_access *access, json_object *held, struct errmsg *em)
{
	static const struct image_access none = { 0 };
	AUTO_POLICY_CHOICE choice = { .name = NULL };
	AUTO(policy) *policy = NULL;
	access = access ? access : &none;
	if (access->insecure_policy)
		return OK;
	enum err e = policy_load(access, &choice, &policy, em);
	if (e != OK || !policy)
		return e == OK ? without_policy(source, &choice, em) : e;
	const char *transport = source->identity.transport;
	const char *scope = source->identity.scope;
	if (!transport || !scope)
		return err_set(em, ERR_INTERNAL, "an image without a name that a policy could look at");
	struct evidence ev = { .source = source, .raw = raw, .access = access };
	e = scope_judge(&ev, policy_find(policy, transport, scope), held, em);
	evidence_clear(&ev);
	return e == OK ? OK : err_wrap(em, e, "policy %s", choice.name);
}
