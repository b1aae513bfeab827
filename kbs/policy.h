#pragma once
#include "common/json.h"

/* The resource policy, kbs.json(5): which TEE may have which resource. Ordered rules; the first that fits decides, and
 * "default" where none does. Never changes once parsed. */
struct policy;

#define POLICY_MAX_BYTES (64 * 1024)

/* ERR_PARSE names the rule; ERR_UNSUPPORTED: Rego, which other servers take; ERR_LIMIT. */
enum err policy_parse(struct bytes text, struct policy **out, struct errmsg *em) MUST_USE;
void policy_free(struct policy *p);
AUTO_DEFINE(policy)

struct policy_question {
	const char *path; /* "repository/type/tag" */
	const char *tee;
	json_object *claims; /* what was verified: {"tdx":{...},"init_data":...}; NULL: nothing */
};
/* why: where it says no, what would have had to be otherwise; may be NULL. */
bool policy_allows(const struct policy *p, const struct policy_question *q, struct errmsg *why);
/* Whether any rule looks at claims. */
bool policy_wants_claims(const struct policy *p);
