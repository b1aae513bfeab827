#pragma once
#include "common/json.h"

/* How evidence was judged: a list of named checks with what was expected and what is, and what follows from them all
 * (RFC 9334, "Appraisal"). Plain data of fixed size; only `claims` is owned. */

enum appraisal_status { /* the worst failed check gives the appraisal's: a larger number is worse */
			APPRAISAL_AFFIRMING,
			APPRAISAL_REFUSED, /* genuine and not allowed: debug, policy bits, a revoked or another's
					      certificate */
			APPRAISAL_TCB, /* out-of-date TCB, or one that the vendor does not call UpToDate */
			APPRAISAL_MISMATCH, /* report data, init data, event log or measurements are others than
					       expected */
			APPRAISAL_EXPIRED, /* or not yet valid: a certificate, a CRL, collateral */
			APPRAISAL_SIGNATURE, /* a signature or a chain does not hold */
			APPRAISAL_MALFORMED, /* not evidence, or of a kind that is not known here */
			APPRAISAL_STATUS_COUNT_
};

enum appraisal_outcome {
	APPRAISAL_PASSED,
	APPRAISAL_FAILED,
	APPRAISAL_NOT_MADE /* what it compares with was not given: `actual` says so */
};

#define APPRAISAL_CHECKS_MAX 128
#define APPRAISAL_VALUE_MAX 200

struct appraisal_check {
	const char *name; /* static: "quote signature" */
	enum appraisal_outcome outcome;
	enum appraisal_status otherwise; /* the status that its failure gives */
	char expected[APPRAISAL_VALUE_MAX];
	char actual[APPRAISAL_VALUE_MAX];
};

struct appraisal {
	enum appraisal_status status;
	size_t count;
	struct appraisal_check checks[APPRAISAL_CHECKS_MAX];
	char tcb_status[64]; /* "UpToDate", ...; "not checked" without collateral */
	char advisories[1024]; /* "INTEL-SA-00106 ...", or "" */
	json_object *claims; /* what the evidence says, under the TEE's claim names; NULL if malformed */
};

/* Frees the claims; everything is zero afterwards. */
void appraisal_clear(struct appraisal *a);

/* "affirming", "refused", "out-of-date-tcb", "measurement-mismatch", "expired", "bad-signature", "malformed" */
const char *appraisal_status_name(enum appraisal_status status);

/* The first check that failed with the appraisal's status; NULL if it affirms. */
const struct appraisal_check *appraisal_worst(const struct appraisal *a);

/* RFC 3339, whole seconds: "2025-06-19T10:32:27Z" or with an offset, "+02:00". False: not that. */
bool appraisal_time_parse(const char *text, int64_t *out);
