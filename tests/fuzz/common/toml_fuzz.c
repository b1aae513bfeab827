#include "tests/support/fuzz.h"

#include "common/toml.h"

/* What is read is JSON that our own reader takes, and the same each time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(json_object) *read = NULL;
	AUTO_OF(json_object) *again = NULL;
	if (toml_parse((struct bytes){ data, len }, 1 << 16, &read, NULL) != OK)
		return 0;
	AUTO_STR
	char *text = json_text(read);
	if (!text || json_parse(bytes_str(text), 1 << 20, JSON_STRICT, &again, NULL) != OK ||
	    !json_object_equal(read, again))
		abort();
	return 0;
}
