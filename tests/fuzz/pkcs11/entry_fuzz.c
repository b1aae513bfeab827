#include "tests/support/fuzz.h"

#include "pkcs11/entry.h"

static void check_from_kbs(const struct entry *e)
{
	uint8_t made[ENTRY_ID_MADE];
	struct bytes id = entry_id(e, made);
	if (!e->label || e->label_len != strlen(e->label) || !id.len || id.len > ENTRY_ID_MAX ||
	    (e->public_part && !entry_is_uri(e->public_part)) || (e->certificate && !entry_is_uri(e->certificate)))
		abort();
}

/* What the fast reader takes, json-c's takes too, and finds the same in it. */
static void check_same(const struct entry_list *fast, const struct entry_list *slow)
{
	if (fast->count != slow->count)
		abort();
	for (size_t i = 0; i < fast->count; i++)
		if (!entry_equal(&fast->items[i], &slow->items[i]))
			abort();
}

static void check(struct bytes text, json_object *root, enum entry_origin origin)
{
	struct errmsg em;
	struct entry_list fast, slow;
	enum err e = entry_list_scan(text, origin, &fast, &em);
	bool parsed = root && entry_list_read(root, origin, &slow, &em) == OK;
	if (e == OK && root)
		check_same(&fast, parsed ? &slow : (abort(), &slow));
	if (parsed && e != OK)
		abort();
	for (size_t i = 0; parsed && origin == ENTRY_FROM_KBS && i < slow.count; i++)
		check_from_kbs(&slow.items[i]);
	if (e == OK)
		entry_list_clear(&fast);
	if (parsed)
		entry_list_clear(&slow);
}

/* A list of objects as a configuration has it, and as the KBS serves it: none of those names a file or lacks what it
 * needs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct errmsg em;
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *root = NULL;
	if (buf_append(&text, (struct bytes){ data, len }, 0, &em) != OK || json_comments_blank(&text, &em) != OK)
		return 0;
	if (json_parse(buf_bytes(&text), 1 << 16, JSON_STRICT, &root, &em) != OK ||
	    !json_object_is_type(root, json_type_array)) {
		json_object_put(root);
		root = NULL;
	}
	check(buf_bytes(&text), root, ENTRY_CONFIGURED);
	check(buf_bytes(&text), root, ENTRY_FROM_KBS);
	return 0;
}
