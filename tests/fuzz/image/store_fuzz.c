#include "tests/support/fuzz.h"

#include "image/store_record.h"

/* What is taken has all that is asked of it later. */
static void record_try(struct bytes text)
{
	AUTO_STORE_RECORD r = { .root = NULL };
	char path[STORE_PATH_SIZE];
	if (store_record_parse(text, &r, NULL) != OK)
		return;
	if (!r.name || !r.transport || !r.scope || digest_check(r.manifest.digest, NULL) != OK ||
	    digest_check(r.config.digest, NULL) != OK || store_record_path(r.name, path, NULL) != OK)
		abort();
	for (size_t i = 0; i < json_object_array_length(r.layers); i++)
		if (held_layer_path(json_object_get_string(json_object_array_get_idx(r.layers, i)), path, NULL) != OK)
			abort();
	for (size_t i = 0; i < json_object_array_length(r.beside); i++) {
		const char *tag = NULL;
		struct descriptor d;
		if (store_record_beside(json_object_array_get_idx(r.beside, i), &tag, &d, NULL) != OK || !tag)
			abort();
	}
}

static void layer_try(struct bytes text)
{
	struct held_layer h;
	if (held_layer_parse(text, &h, NULL) == OK &&
	    (digest_check(h.diff_id, NULL) != OK || digest_check(h.blob.digest, NULL) != OK || h.blob.size < 0))
		abort();
	held_layer_clear(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	record_try((struct bytes){ data, len });
	layer_try((struct bytes){ data, len });
	return 0;
}
