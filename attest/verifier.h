#pragma once
#include "attest/attest.h"

/* Verifiers: judge evidence. Never open a socket, never link libcurl. */

struct verifier_policy {
	bool allow_sample; /* the sample TEE proves nothing; refused unless this says otherwise */
	int64_t now; /* seconds of the epoch: the clock that certificates are held against */
};

struct verifier_request {
	const char *tee;
	json_object *evidence; /* `primary_evidence` */
	const struct attest_digest *report_data; /* expected */
};

/* OK: evidence is genuine and bound to the report data; *claims: what it says (the caller's object), under the
 * TEE's own claim names. ERR_ATTEST with the reason, ERR_PARSE, ERR_UNSUPPORTED (no verifier for this TEE). */
enum err verifier_check(const struct verifier_policy *policy, const struct verifier_request *request,
			json_object **claims, struct errmsg *em) MUST_USE;
