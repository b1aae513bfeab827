#pragma once
#include "attest/attest.h"

/* Attesters: take evidence in a guest. Rows of a const table. */
struct attester;

/* By name ("sample", "tdx", ...) or "auto": the first TEE that is found here, in the documented order. "auto" never
 * gives the sample attester: it works only where it is named. ERR_ATTEST: none found, with what was looked for;
 * ERR_CONFIG: unknown name. Borrowed, static. */
enum err attester_find(const char *name, const struct attester **out, struct errmsg *em) MUST_USE;

/* "sample", "tdx", ...: the `tee` of the protocol's Request. */
const char *attester_tee(const struct attester *a);

/* Takes evidence over the report data (padded as this TEE wants it). out: the `primary_evidence` object, the
 * caller's. May block on the device. ERR_ATTEST, ERR_IO. */
enum err attester_evidence(const struct attester *a, const struct attest_digest *report_data, json_object **out,
			   struct errmsg *em) MUST_USE;
