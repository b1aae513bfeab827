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

bool claim_object(json_object *to, const char *name, json_object *value)
{
	if (to && value && json_object_object_add(to, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

bool claim_text(json_object *to, const char *name, const char *value)
{
	return claim_object(to, name, json_object_new_string(value));
}

bool claim_hex(json_object *to, const char *name, struct bytes value)
{
	AUTO_STR
	char *hex = hex_encode(value);
	return hex && claim_text(to, name, hex);
}

bool claim_number(json_object *to, const char *name, uint64_t value)
{
	return claim_object(to, name, json_object_new_uint64(value));
}
