#include "tests/support/fuzz.h"

#include "image/configuration.h"
#include "image/runtime_config.h"

#include <fcntl.h>

/* An image's configuration: its diff ids, and what a runtime would start, in a tree that has no file at all. */

static const struct tree *empty_tree(void)
{
	static struct tree tree;
	static bool open_already;
	char path[] = "/tmp/config-fuzz-XXXXXX";
	if (open_already)
		return &tree;
	int root = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (root < 0 || rmdir(path) != 0 || tree_open(root, &tree, NULL) != OK)
		abort();
	open_already = true;
	return &tree;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(json_object) *image = NULL;
	AUTO_OF(json_object) *made = NULL;
	const char *ids[4] = { NULL };
	const struct runtime_how how = { .tree = empty_tree(), .hostname = "fuzz" };
	if (json_parse((struct bytes){ data, len }, CONFIG_SIZE_MAX, JSON_STRICT, &image, NULL) != OK ||
	    !json_object_is_type(image, json_type_object))
		return 0;
	for (size_t count = 0; count <= ARRAY_LEN(ids); count++)
		if (image_diff_ids(image, count, ids, NULL) == OK && count > 0 &&
		    strncmp(ids[count - 1], "sha", 3) != 0)
			abort();
	if (runtime_config_make(image, &how, &made, NULL) == OK && !json_object_object_get_ex(made, "process", NULL))
		abort();
	return 0;
}
