#include "attest/cert_table.h"

#include "attest/cert_table_walk.h"

enum err cert_table_add(struct cert_set *to, struct bytes table, struct errmsg *em)
{
	struct cert_table_walk walk = cert_table_begin(table);
	struct cert_table_entry entry;
	enum err e = OK;
	while (cert_table_next(&walk, &entry, &e, em)) {
		if (!entry.kind)
			continue;
		e = cert_set_add(to, entry.contents, em);
		if (e != OK)
			return err_wrap(em, e, "certificate table: entry %zu", walk.count - 1);
	}
	return e;
}
