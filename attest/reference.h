#pragma once
#include "attest/appraisal_record.h"

/* Reference values as JSON: {"version":"0.1.0","type":"sample","payload":"<base64 of {name:[value,...],...}>"}, or the
 * inner object itself. A value is hexadecimal text; of the SVNs it is a decimal number or its text. */

struct reference_value {
	const char *name; /* static */
	struct bytes bytes;
	const char *number; /* decimal; then `bytes` does not count */
};

/* Each named list must hold the evidence's value. Names that belong to another TEE are passed over; a file without any
 * name of this one fails. Names that no TEE has are ERR_PARSE: a typing error must not switch a check off. */
enum err reference_appraise(struct appraisal *a, struct bytes file, const struct reference_value *values, size_t count,
			    struct errmsg *em) MUST_USE;
