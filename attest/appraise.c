#include "attest/appraise.h"

void appraise_bound(struct appraisal *a, const struct appraise_field *field)
{
	uint8_t padded[64] = { 0 };
	size_t len = field->actual.len;
	if (!field->wanted.data) {
		appraisal_not_made(a, field->name, "nothing to compare with was given");
		return;
	}
	memcpy(padded, field->wanted.data, field->wanted.len < len ? field->wanted.len : len);
	appraisal_expect_bytes(a, CHECK(field->name, APPRAISAL_MISMATCH),
			       (struct check_bytes){ { padded, len }, field->actual });
}

bool claim_hex(json_object *to, const char *name, struct bytes value)
{
	AUTO_STR
	char *hex = hex_encode(value);
	return hex && json_add_text(to, name, hex);
}

bool claim_number(json_object *to, const char *name, uint64_t value)
{
	return json_add(to, name, json_object_new_uint64(value));
}
