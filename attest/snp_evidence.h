#pragma once
#include "attest/snp_report.h"
#include "common/json.h"

/* A report and the certificate table that came with it (or nothing) as evidence JSON: the caller's. ERR_PARSE,
 * ERR_LIMIT: the table is malformed. */
enum err snp_evidence_make(const struct snp_report *report, struct bytes table, json_object **out,
			   struct errmsg *em) MUST_USE;
