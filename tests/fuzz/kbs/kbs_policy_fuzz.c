#include "tests/support/fuzz.h"

#include "kbs/policy.h"

#include <stdio.h>

/* A policy, and every rule's own pattern taken for a path. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(policy) *policy = NULL;
	struct errmsg em = { "" };
	enum err e = policy_parse((struct bytes){ data, len }, &policy, &em);
	if (e != OK) {
		if (!em.text[0] || policy)
			abort();
		return 0;
	}
	char path[256];
	snprintf(path, sizeof(path), "%.*s", (int)(len < 255 ? len : 255), (const char *)data);
	AUTO_OF(json_object) *claims = NULL;
	if (json_parse(bytes_str("{\"tdx\":{\"a\":[\"b\",1]},\"init_data\":\"00\"}"), 100, JSON_STRICT, &claims,
		       NULL) != OK)
		abort();
	struct policy_question sample = { path, "sample", NULL };
	struct policy_question tdx = { "default/image/key", "tdx", claims };
	bool first = policy_allows(policy, &sample, &em);
	if (policy_allows(policy, &sample, NULL) != first || (!first && !em.text[0]))
		abort();
	(void)policy_allows(policy, &tdx, &em);
	return 0;
}
