#include "tests/support/fuzz.h"

#include "image/layout.h"

/* Names and digests: what is taken must not lead out of a layout. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[4096];
	char path[DIGEST_PATH_SIZE];
	struct layout_name name;
	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	if (layout_name_parse(text, &name, NULL) == OK) {
		if (!name.dir[0] || strchr(name.dir, ':') || (name.tag && (!name.tag[0] || name.place >= 0)))
			abort();
		layout_name_clear(&name);
	}
	if (digest_path(text, path, NULL) == OK && (strstr(path, "..") || strncmp(path, "blobs/sha", 9) != 0))
		abort();
	(void)media_type_valid(text);
	return 0;
}
