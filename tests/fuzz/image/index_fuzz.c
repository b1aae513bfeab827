#include "tests/support/fuzz.h"

#include "image/index.h"

#define DIGEST "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* An index that is taken takes a new entry, which is then found under its name. */
static void put(struct index *index)
{
	const struct index_entry entry = { MEDIA_OCI_MANIFEST, DIGEST, 5, "fuzz" };
	AUTO_BUF
	out = { 0 };
	AUTO(index) *again = NULL;
	const struct descriptor *found = NULL;
	enum err e = index_put(index, &entry, &out, NULL);
	if (e == OK)
		e = index_parse(buf_bytes(&out), MEDIA_OCI_INDEX, &again, NULL);
	if (e == OK)
		e = index_find_tag(again, "fuzz", &found, NULL);
	if (e != OK || strcmp(found->digest, DIGEST) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct image_platform want = { "linux", "arm", "v7" };
	AUTO(index) *index = NULL;
	const struct descriptor *found = NULL;
	if (index_parse((struct bytes){ data, len }, MEDIA_OCI_INDEX, &index, NULL) != OK)
		return 0;
	if (index_find_tag(index, "app", &found, NULL) == OK && found->size < 0)
		abort();
	if (index_only(index, &found, NULL) == OK && index->count != 1)
		abort();
	if (index_choose(index, &want, &found, NULL) == OK && !json_object_object_get_ex(found->json, "platform", NULL))
		abort();
	put(index);
	return 0;
}
