#include "attest/verifier.h"

#include "attest/verifier_row.h"

static const struct verifier verifiers[] = {
	{ "sample", verifier_sample_check },
};

enum err verifier_check(const struct verifier_policy *policy, const struct verifier_request *request,
			json_object **claims, struct errmsg *em)
{
	*claims = NULL;
	if (!json_object_is_type(request->evidence, json_type_object))
		return err_set(em, ERR_PARSE, "the evidence is no object");
	for (size_t i = 0; i < ARRAY_LEN(verifiers); i++) {
		if (strcmp(verifiers[i].tee, request->tee) != 0)
			continue;
		enum err e = verifiers[i].check(policy, request, claims, em);
		return e == OK ? OK : err_wrap(em, e, "evidence of \"%s\"", verifiers[i].tee);
	}
	return err_set(em, ERR_UNSUPPORTED, "no verifier for evidence of \"%.32s\"", request->tee);
}
