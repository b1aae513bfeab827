#include "tests/support/fuzz.h"

#include "common/json.h"
#include "common/json_scan.h"

enum { MAX = 1 << 16 };

/* A canonical form is a fixed point, and both readers agree that it is JSON. */
static void check_canonical(json_object *obj)
{
	AUTO_STR
	char *once = NULL;
	AUTO_STR
	char *twice = NULL;
	AUTO_OF(json_object) *again = NULL;
	if (json_canonical(obj, &once, NULL) != OK)
		return;
	if (json_parse(bytes_str(once), (size_t)-1, JSON_STRICT, &again, NULL) != OK ||
	    json_canonical(again, &twice, NULL) != OK || strcmp(once, twice) != 0)
		abort();
}

static void get_everything(json_object *obj)
{
	const char *text = NULL;
	int64_t number = 0;
	bool truth = false;
	json_object *member = NULL;
	(void)!json_get_string_opt(obj, "a", &text, NULL);
	(void)!json_get_int_opt(obj, "a", INT64_MIN, INT64_MAX, &number, NULL);
	(void)!json_get_bool_opt(obj, "a", &truth, NULL);
	(void)!json_get_object_opt(obj, "a", &member, NULL);
	(void)!json_get_array_opt(obj, "a", &member, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	struct errmsg em;
	for (int flags = JSON_STRICT; flags <= JSON_COMMENTS; flags++) {
		AUTO_OF(json_object) *obj = NULL;
		enum err e = json_parse(text, MAX, (enum json_flags)flags, &obj, &em);
		if (e != OK)
			continue;
		check_canonical(obj);
		get_everything(obj);
		/* What json-c made of it prints as the grammar wants it: the two agree. */
		AUTO_STR
		char *printed = json_text(obj);
		AUTO_OF(json_object) *again = NULL;
		if (printed && json_parse(bytes_str(printed), (size_t)-1, JSON_STRICT, &again, &em) != OK)
			abort();
	}
	return 0;
}
