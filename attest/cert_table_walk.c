#include "attest/cert_table_walk.h"

#include "attest/snp_member.h"

enum { ENTRIES_MAX = 64 };

bool cert_table_next(struct cert_table_walk *walk, struct cert_table_entry *out, enum err *e, struct errmsg *em)
{
	struct bytes guid = cursor_take(&walk->at, 16);
	uint64_t offset = cursor_u32(&walk->at);
	uint64_t len = cursor_u32(&walk->at);
	*e = OK;
	if (walk->at.bad)
		*e = err_set(em, ERR_PARSE, "certificate table: ends before its last entry");
	else if (bytes_zero(guid))
		return false;
	else if (offset + len > walk->table.len)
		*e = err_set(em, ERR_PARSE, "certificate table: entry %zu lies outside", walk->count);
	else if (walk->count == ENTRIES_MAX)
		*e = err_set(em, ERR_LIMIT, "certificate table: more than %d entries", ENTRIES_MAX);
	if (*e != OK)
		return false;
	walk->count++;
	*out = (struct cert_table_entry){ snp_cert_kind(guid.data), bytes_part(walk->table, offset, len) };
	return true;
}
