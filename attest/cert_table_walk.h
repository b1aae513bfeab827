#pragma once
#include "attest/cursor.h"

/* The table of an SEV-SNP extended report (GHCB specification, "SNP Extended Guest Request"): entries {GUID, offset,
 * length}, ended by one of zeros. */
struct cert_table_walk {
	struct bytes table;
	struct cursor at;
	size_t count;
};
static inline struct cert_table_walk cert_table_begin(struct bytes table)
{
	return (struct cert_table_walk){ table, cursor_over(table), 0 };
}

struct cert_table_entry {
	const char *kind; /* "VCEK", "VLEK", "ASK" (also the ASVK), "ARK", "CRL"; NULL: something else */
	struct bytes contents; /* borrowed from the table */
};
/* False at the end, and where *e says that the table is malformed: ERR_PARSE, ERR_LIMIT. */
bool cert_table_next(struct cert_table_walk *walk, struct cert_table_entry *out, enum err *e, struct errmsg *em);
