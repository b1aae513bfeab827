/* What takes json-c's place in kbs-verify, against json-c itself, which is loaded at run time under names of its own.
 */
#include "tests/support/fuzz.h"

#include "common/json.h"

#include <dlfcn.h>

static struct {
	json_tokener *(*tokener_new)(int depth);
	void (*tokener_free)(json_tokener *of);
	void (*set_flags)(json_tokener *of, int flags);
	json_object *(*parse)(json_tokener *of, const char *text, int len);
	enum json_tokener_error (*error)(json_tokener *of);
	const char *(*print)(json_object *of, int flags);
	int (*put)(json_object *of);
} theirs;

static void find(void *library, const char *name, void *to)
{
	void *found = dlsym(library, name);
	if (!found)
		abort();
	memcpy(to, &found, sizeof found);
}

static void theirs_load(void)
{
	void *library = theirs.parse ? NULL : dlopen("libjson-c.so.5", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return;
	find(library, "json_tokener_new_ex", &theirs.tokener_new);
	find(library, "json_tokener_free", &theirs.tokener_free);
	find(library, "json_tokener_set_flags", &theirs.set_flags);
	find(library, "json_tokener_parse_ex", &theirs.parse);
	find(library, "json_tokener_get_error", &theirs.error);
	find(library, "json_object_to_json_string_ext", &theirs.print);
	find(library, "json_object_put", &theirs.put);
}

/* Theirs are cut to 64 bits. */
static bool has_long_number(struct bytes text)
{
	size_t digits = 0;
	for (size_t i = 0; i < text.len && digits < 19; i++)
		digits = text.data[i] >= '0' && text.data[i] <= '9' ? digits + 1 : 0;
	return digits >= 19;
}

static void compare(struct bytes text, const char *ours)
{
	json_tokener *tokener = theirs.tokener_new(34);
	if (!tokener)
		return;
	theirs.set_flags(tokener, JSON_TOKENER_STRICT);
	json_object *made = theirs.parse(tokener, (const char *)text.data, (int)text.len);
	if (theirs.error(tokener) == json_tokener_continue)
		made = theirs.parse(tokener, "", 1);
	if (theirs.error(tokener) != json_tokener_success)
		abort();
	if (strcmp(theirs.print(made, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), ours) != 0)
		abort();
	theirs.put(made);
	theirs.tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	AUTO_OF(json_object) *value = NULL;
	AUTO_OF(json_object) *again = NULL;
	theirs_load();
	if (json_parse(text, 1 << 16, JSON_STRICT, &value, NULL) != OK)
		return 0;
	AUTO_STR
	char *once = json_text(value);
	if (!once || json_parse(bytes_str(once), (size_t)-1, JSON_STRICT, &again, NULL) != OK)
		abort();
	AUTO_STR
	char *twice = json_text(again);
	if (!twice || strcmp(once, twice) != 0)
		abort();
	if (theirs.parse && !has_long_number(text))
		compare(text, once);
	return 0;
}
