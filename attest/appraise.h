#pragma once
#include "attest/appraisal_record.h"
#include "attest/trust.h"
#include "attest/verifier.h"

/* Judges binary evidence under roots that the caller names. Private to attest/ and to its tests. */
enum err appraise_quote(const struct trust *trust, const struct verifier_input *in, bool tdx, struct appraisal *a,
			struct errmsg *em) MUST_USE;
enum err appraise_snp(const struct trust *trust, const struct verifier_input *in, struct appraisal *a,
		      struct errmsg *em) MUST_USE;

/* What evidence carries for its guest, against what is expected; `wanted` empty: not compared. Shorter ones are padded
 * with zeros; init data's digest is also cut to the length of the field. */
struct appraise_field {
	const char *name; /* of the check */
	struct bytes wanted;
	struct bytes actual; /* at most 64 bytes */
};
void appraise_bound(struct appraisal *a, const struct appraise_field *field);

/* Claims. Without memory false, and the object has one member less. */
bool claim_hex(json_object *to, const char *name, struct bytes value);
bool claim_number(json_object *to, const char *name, uint64_t value);
