#include "kbc/kbc_options.h"
#include "kbc/kbc_url.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check(struct kbc_options *o)
{
	for (size_t i = 0; i < o->url_count; i++) {
		AUTO_STR
		char *authority = NULL;
		if (kbc_url_authority(o->urls[i], &authority, NULL) != OK)
			abort();
	}
	if (!o->url_count || o->url_count > KBC_URLS_MAX || !kbc_options_equal(o, o))
		abort();
	kbc_options_clear(o);
}

static void as_params(const char *text)
{
	struct kbc_options o = { .kind = "" };
	if (kbc_options_from_params(text, "here", &o, NULL) == OK)
		check(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(json_object) *kbs = NULL;
	AUTO_STR
	char *params = NULL;
	AUTO_STR
	char *text = strndup((const char *)data, len);
	struct kbc_options o;
	if (json_parse((struct bytes){ data, len }, 65536, JSON_STRICT, &kbs, NULL) == OK && kbs &&
	    kbc_options_read(kbs, &o, NULL) == OK)
		check(&o);
	if (kbc_options_find_params((struct bytes){ data, len }, &params, NULL) == OK && params)
		as_params(params);
	as_params(text);
	return 0;
}
