#pragma once
#include "common/json.h"

/* What a signature of either kind says: containers-signature(5), "JSON data format". Parsed only after it holds. */
struct signature_payload {
	json_object *root;
	const char *digest; /* borrowed from root */
	const char *reference;
};
void signature_payload_clear(struct signature_payload *p);
#define AUTO_PAYLOAD __attribute__((cleanup(signature_payload_clear))) struct signature_payload

#define PAYLOAD_SIMPLE "atomic container signature"
#define PAYLOAD_COSIGN "cosign container image signature"

/* type: one of the two. ERR_PARSE. */
enum err signature_payload_parse(struct bytes text, const char *type, struct signature_payload *out,
				 struct errmsg *em) MUST_USE;
