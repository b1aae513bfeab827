#include "tests/support/fuzz.h"

#include "pkcs11/entry.h"

/* A list of objects as the KBS serves it: no entry that was read names a file or lacks what it needs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg em;
	struct entry_list list;
	AUTO_OF(json_object) *root = NULL;
	if (json_parse((struct bytes){ data, len }, 1 << 16, JSON_COMMENTS, &root, &em) != OK ||
	    !json_object_is_type(root, json_type_array))
		return 0;
	if (entry_list_read(root, ENTRY_CONFIGURED, &list, &em) == OK)
		entry_list_clear(&list);
	if (entry_list_read(root, ENTRY_FROM_KBS, &list, &em) != OK)
		return list.items ? (abort(), 0) : 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct entry *e = &list.items[i];
		if (e->public_file || !e->label || !e->id_len || e->id_len > ENTRY_ID_MAX ||
		    (e->certificate && strncmp(e->certificate, "kbs", 3) != 0))
			abort();
	}
	entry_list_clear(&list);
	return 0;
}
