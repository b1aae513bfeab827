#pragma once
#include "attest/attester.h"

/* One kind of attester. Private to attest/. */
struct attester {
	const char *tee; /* the name in the protocol and in configurations */
	const char *device; /* what "auto" looks for; NULL: only where it is named */
	/* NULL: this kind is recognised, and this version cannot take its evidence. */
	enum err (*evidence)(const struct attest_digest *report_data, json_object **out, struct errmsg *em);
};

enum err attester_sample_evidence(const struct attest_digest *report_data, json_object **out,
				  struct errmsg *em) MUST_USE;
