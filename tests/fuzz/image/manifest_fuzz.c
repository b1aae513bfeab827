#include "tests/support/fuzz.h"

#include "image/manifest.h"

/* A manifest that is taken must survive a change of all its layers, and be taken again. */
static void change(struct manifest *m)
{
	size_t count = m->layer_count;
	struct layer_change *changes = calloc(count ? count : 1, sizeof(*changes));
	AUTO_RAW_MANIFEST out = { 0 };
	AUTO(manifest) *again = NULL;
	if (!changes)
		return;
	for (size_t i = 0; i < count; i++) {
		char *media_type = strdup("application/vnd.oci.image.layer.v1.tar+encrypted");
		if (!media_type)
			abort();
		changes[i] = (struct layer_change){ .changed = true, .media_type = media_type, .drop_keys = i % 2 };
		memcpy(changes[i].digest, "sha256:", 8);
		memset(changes[i].digest + 7, 'a', 64);
	}
	enum err e = manifest_apply(m, changes, &out, NULL);
	if (e == OK)
		e = manifest_parse(buf_bytes(&out.bytes), out.media_type, &again, NULL);
	if (e != OK || again->layer_count != count)
		abort();
	for (size_t i = 0; i < count; i++)
		layer_change_clear(&changes[i]);
	free(changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const types[] = { MEDIA_OCI_MANIFEST, MEDIA_DOCKER_MANIFEST };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(manifest) *m = NULL;
		if (manifest_parse((struct bytes){ data, len }, types[i], &m, NULL) == OK)
			change(m);
	}
	return 0;
}
