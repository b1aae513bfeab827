#pragma once
#include "attest/attest.h"
#include "kbs/service.h"

/* What comes beside the evidence of a TEE: init data, and evidence of devices. KBS protocol 0.4.0, "Attestation". */

/* The "init-data" member: NULL in *out where there is none. ERR_PARSE, ERR_UNSUPPORTED, ERR_LIMIT; a "format" that is
 * not the body's is malformed. */
enum err composite_init_data(json_object *root, struct init_data **out, struct errmsg *em) MUST_USE;

/* The "additional_evidence" text, {"<device>":<evidence>,...}, held against `digest`, which the devices' evidence must
 * carry. *claims: {"<device>":<claims>,...}, the caller's; NULL without devices. Every device must be one that is
 * verified here: unverified, it must not look verified. ERR_ATTEST names it. */
struct composite_devices {
	const char *text;
	const struct attest_digest *digest;
	bool allow_sample;
};
enum err composite_devices_verify(const struct composite_devices *devices, json_object **claims,
				  struct errmsg *em) MUST_USE;
