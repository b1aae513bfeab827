#pragma once
#include "attest/verifier.h"

/* One kind of verifier. Private to attest/. */
struct verifier {
	const char *tee;
	enum err (*check)(const struct verifier_policy *policy, const struct verifier_request *request,
			  json_object **claims, struct errmsg *em);
};

enum err verifier_sample_check(const struct verifier_policy *policy, const struct verifier_request *request,
			       json_object **claims, struct errmsg *em) MUST_USE;
