#pragma once
#include "attest/cert.h"

/* The table of an SEV-SNP extended report (GHCB specification, "SNP Extended Guest Request"): entries {GUID, offset,
 * length}, ended by one of zeros. Appends its certificates and CRL; entries of other kinds are passed over. ERR_PARSE.
 */
enum err cert_table_add(struct cert_set *to, struct bytes table, struct errmsg *em) MUST_USE;
