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
	bool first = policy_allows(policy, path, "sample");
	if (policy_allows(policy, path, "sample") != first)
		abort();
	(void)policy_allows(policy, "default/image/key", "tdx");
	return 0;
}
