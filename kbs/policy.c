#include "kbs/policy.h"

#include "attest/attest.h"

#define RULES_MAX 1000
#define PATTERN_MAX 800
#define VALUES_MAX 256

struct policy_rule {
	const char *pattern; /* borrowed from the root */
	json_object *tees; /* borrowed; NULL = any */
	json_object *claims; /* borrowed; {pointer: [value, ...]}; NULL = any */
	bool allow;
};

struct policy {
	json_object *root;
	bool allow_by_default;
	struct policy_rule *rules;
	size_t rule_count;
};

void policy_free(struct policy *p)
{
	if (!p)
		return;
	json_object_put(p->root);
	free(p->rules);
	free(p);
}

/* Three segments of the characters that a resource path may hold, and `*`. */
static enum err pattern_check(const char *pattern, struct errmsg *em)
{
	static const char *const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*";
	const char *at = pattern;
	for (int i = 0; i < 3; i++) {
		size_t len = strspn(at, letters);
		if (len == 0 || at[len] != (i < 2 ? '/' : '\0') || strlen(pattern) > PATTERN_MAX)
			return err_set(em, ERR_PARSE, "\"path\" must be repository/type/tag, with * for any letters");
		at += len + 1;
	}
	return OK;
}

static enum err tees_check(json_object *tees, struct errmsg *em)
{
	size_t count = tees ? json_object_array_length(tees) : 0;
	if (tees && (count == 0 || count > 32))
		return err_set(em, ERR_PARSE, "\"tee\" must hold 1 to 32 names");
	for (size_t i = 0; i < count; i++) {
		json_object *name = json_object_array_get_idx(tees, i);
		if (!json_object_is_type(name, json_type_string) || !attest_tee_known(json_object_get_string(name)))
			return err_set(em, ERR_PARSE, "\"tee\" holds something that names no TEE");
	}
	return OK;
}

/* RFC 6901, and lists of values that can be told from others. */
static enum err claims_check(json_object *claims, struct errmsg *em)
{
	if (!claims)
		return OK;
	if (json_object_object_length(claims) == 0 || json_object_object_length(claims) > 32)
		return err_set(em, ERR_PARSE, "\"claims\" must hold 1 to 32 members");
	json_object_object_foreach(claims, pointer, values)
	{
		size_t count = json_object_is_type(values, json_type_array) ? json_object_array_length(values) : 0;
		if (pointer[0] != '/' || strlen(pointer) > PATTERN_MAX)
			return err_set(em, ERR_PARSE, "\"claims\": \"%.64s\" is no JSON pointer, which begins with /",
				       pointer);
		if (count == 0 || count > VALUES_MAX)
			return err_set(em, ERR_PARSE, "\"claims\": \"%.64s\" must list 1 to %d values", pointer,
				       VALUES_MAX);
		for (size_t i = 0; i < count; i++) {
			enum json_type type = json_object_get_type(json_object_array_get_idx(values, i));
			if (type != json_type_string && type != json_type_int && type != json_type_boolean)
				return err_set(em, ERR_PARSE,
					       "\"claims\": \"%.64s\" lists what is no text, integer or boolean",
					       pointer);
		}
	}
	return OK;
}

static enum err rule_read(json_object *obj, struct policy_rule *rule, struct errmsg *em)
{
	static const char *const names[] = { "path", "tee", "claims", "allow", NULL };
	if (!json_object_is_type(obj, json_type_object))
		return err_set(em, ERR_PARSE, "a rule must be an object");
	enum err e = json_only_members(obj, names, em);
	if (e == OK)
		e = json_get_string(obj, "path", &rule->pattern, em);
	if (e == OK)
		e = pattern_check(rule->pattern, em);
	if (e == OK)
		e = json_get_array_opt(obj, "tee", &rule->tees, em);
	if (e == OK)
		e = tees_check(rule->tees, em);
	if (e == OK)
		e = json_get_object_opt(obj, "claims", &rule->claims, em);
	if (e == OK)
		e = claims_check(rule->claims, em);
	if (e != OK)
		return e;
	json_object *allow = NULL;
	if (!json_object_object_get_ex(obj, "allow", &allow) || !json_object_is_type(allow, json_type_boolean))
		return err_set(em, ERR_PARSE, "\"allow\" must be true or false");
	rule->allow = json_object_get_boolean(allow);
	return OK;
}

static enum err rules_read(struct policy *p, json_object *rules, struct errmsg *em)
{
	size_t count = rules ? json_object_array_length(rules) : 0;
	if (count > RULES_MAX)
		return err_set(em, ERR_LIMIT, "policy: more than %d rules", RULES_MAX);
	p->rules = calloc(count + 1, sizeof(*p->rules));
	if (!p->rules)
		return err_nomem(em, "a policy");
	for (size_t i = 0; i < count; i++) {
		enum err e = rule_read(json_object_array_get_idx(rules, i), &p->rules[i], em);
		if (e != OK)
			return err_wrap(em, e, "policy: rule %zu", i + 1);
	}
	p->rule_count = count;
	return OK;
}

static enum err default_read(struct policy *p, struct errmsg *em)
{
	const char *word = NULL;
	enum err e = json_get_string(p->root, "default", &word, em);
	if (e != OK)
		return err_wrap(em, e, "policy");
	p->allow_by_default = strcmp(word, "allow") == 0;
	if (!p->allow_by_default && strcmp(word, "deny") != 0)
		return err_set(em, ERR_PARSE, "policy: \"default\" must be \"allow\" or \"deny\"");
	return OK;
}

/* Rego begins with its package, after comments perhaps. */
static bool looks_like_rego(struct bytes text)
{
	return text.len > 0 && memmem(text.data, text.len, "package policy", 14) != NULL;
}

enum err policy_parse(struct bytes text, struct policy **out, struct errmsg *em)
{
	static const char *const names[] = { "default", "rules", NULL };
	AUTO(policy) *p = calloc(1, sizeof(*p));
	if (!p)
		return err_nomem(em, "a policy");
	enum err e = json_parse(text, POLICY_MAX_BYTES, JSON_COMMENTS, &p->root, em);
	if (e == ERR_PARSE && looks_like_rego(text))
		return err_set(em, ERR_UNSUPPORTED, "policy: Rego is not read here; write the rules of kbs.json(5)");
	if (e != OK)
		return err_wrap(em, e, "policy");
	if (!json_object_is_type(p->root, json_type_object))
		return err_set(em, ERR_PARSE, "policy: not a JSON object");
	json_object *rules = NULL;
	e = json_only_members(p->root, names, em);
	if (e == OK)
		e = json_get_array_opt(p->root, "rules", &rules, em);
	if (e != OK)
		return err_wrap(em, e, "policy");
	e = default_read(p, em);
	if (e == OK)
		e = rules_read(p, rules, em);
	if (e == OK)
		*out = steal(&p);
	return e;
}

/* `*` stands for any run of letters within one segment. Goes back to the last `*` only, so the time is at most
 * the product of the lengths. */
static bool pattern_fits(const char *pattern, const char *path)
{
	const char *star = NULL;
	const char *resume = NULL;
	while (*path) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = path;
		} else if (*pattern == *path) {
			if (*pattern == '/')
				star = NULL;
			pattern++;
			path++;
		} else if (star && *resume != '/') {
			pattern = star;
			path = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool tee_fits(json_object *tees, const char *tee)
{
	size_t count = tees ? json_object_array_length(tees) : 0;
	for (size_t i = 0; i < count; i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(tees, i)), tee) == 0)
			return true;
	return !tees;
}

static bool value_among(json_object *value, json_object *values)
{
	for (size_t i = 0; i < json_object_array_length(values); i++)
		if (json_object_equal(value, json_object_array_get_idx(values, i)))
			return true;
	return false;
}

/* The first claim that is another than the rule wants; NULL: all are as it wants. */
static const char *claim_other(const struct policy_rule *rule, json_object *claims, json_object **is)
{
	if (!rule->claims)
		return NULL;
	json_object_object_foreach(rule->claims, pointer, values)
	{
		*is = NULL;
		if (!claims || json_pointer_get(claims, pointer, is) != 0 || !*is || !value_among(*is, values))
			return pointer;
	}
	return NULL;
}

/* A value for people; only scalars are compared, so only they are shown. */
static void claim_explain(size_t rule, const char *pointer, json_object *is, struct errmsg *why)
{
	if (json_object_is_type(is, json_type_string))
		(void)err_set(why, ERR_DENIED, "rule %zu does not allow %.200s to be \"%.200s\"", rule, pointer,
			      json_object_get_string(is));
	else if (json_object_is_type(is, json_type_int))
		(void)err_set(why, ERR_DENIED, "rule %zu does not allow %.200s to be %lld", rule, pointer,
			      (long long)json_object_get_int64(is));
	else
		(void)err_set(why, ERR_DENIED, "rule %zu wants %.200s, which the evidence does not have so", rule,
			      pointer);
}

bool policy_allows(const struct policy *p, const struct policy_question *q, struct errmsg *why)
{
	struct errmsg first = { "" };
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct policy_rule *rule = &p->rules[i];
		json_object *is = NULL;
		if (!pattern_fits(rule->pattern, q->path) || !tee_fits(rule->tees, q->tee))
			continue;
		const char *other = claim_other(rule, q->claims, &is);
		if (other) {
			if (rule->allow && !first.text[0])
				claim_explain(i + 1, other, is, &first);
			continue;
		}
		if (!rule->allow)
			(void)err_set(why, ERR_DENIED, "rule %zu keeps it back", i + 1);
		return rule->allow;
	}
	if (!p->allow_by_default)
		(void)err_set(why, ERR_DENIED, "%s", first.text[0] ? first.text : "no rule gives it");
	return p->allow_by_default;
}

bool policy_wants_claims(const struct policy *p)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].claims)
			return true;
	return false;
}
