#pragma once
#include "attest/attester_row.h"
#include "attest/tsm_report.h"

/* What the attesters over configfs-tsm share. Private to attest/. */

/* Is the folder there, with this provider? `why` says what was looked for. */
bool tsm_found(const struct attester_machine *machine, const char *provider, struct errmsg *why);

/* A report over the padded report data. ERR_NOT_FOUND: there is no configfs-tsm. */
struct tsm_wish {
	const char *provider;
	bool privileged;
};
enum err tsm_take(const struct attester_request *r, struct tsm_wish wish, struct tsm_answer *out,
		  struct errmsg *em) MUST_USE;

/* ERR_ATTEST unless the report data lie in the answer: it is that to our question. */
enum err tsm_answers(const struct attester_request *r, struct bytes in_answer, struct errmsg *em) MUST_USE;

bool machine_has(const struct attester_machine *machine, const char *path);
