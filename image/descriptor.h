#pragma once
#include "common/json.h"
#include "image/digest.h"

/* A content descriptor, image-spec "OCI Content Descriptors". Everything is borrowed from `json`. */
struct descriptor {
	json_object *json;
	const char *media_type; /* RFC 6838 characters only, so that it may be printed */
	const char *digest; /* checked */
	int64_t size;
};

#define DESCRIPTOR_SIZE_MAX (INT64_C(1) << 53)

enum err descriptor_read(json_object *json, struct descriptor *out, struct errmsg *em) MUST_USE;

/* An annotation's value, NULL where there is none. Borrowed. */
const char *descriptor_annotation(const struct descriptor *d, const char *key);

/* type/subtype of RFC 6838 4.2; "" is not one. */
bool media_type_valid(const char *media_type);

/* Peers that read JSON without regard to letter case would see another document than we do: refuses members whose
 * names differ from one of `names` (ends with NULL) by case alone. */
enum err json_refuse_case_variants(json_object *obj, const char *const *names, struct errmsg *em) MUST_USE;
