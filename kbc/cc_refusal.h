#pragma once
#include "common/http.h"

/* What an answer other than 200 means. KBS protocol 0.4.0, "Errors": deployed servers answer 401 for nearly
 * everything, so the body's `type` counts first and the status where it says nothing. */

enum cc_stage { CC_STAGE_AUTH, CC_STAGE_ATTEST, CC_STAGE_RESOURCE };

struct cc_refusal {
	enum err err;
	bool renew; /* the attestation result is not (or no longer) accepted: a new one may be */
};

/* Sets the text: stage, status, and the KBS's own words (bounded, control characters escaped).
 * ERR_BUSY: worth a retry (429, 5xx). */
struct cc_refusal cc_refusal_read(enum cc_stage stage, const struct http_response *resp, struct errmsg *em);

/* Retry-After in seconds as milliseconds, 0 without one (dates are not taken). */
int64_t cc_retry_after_ms(const struct http_response *resp);
