#include "tests/support/fuzz.h"

#include "keywrap/token_ref.h"

/* A PKCS#11 URI. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(token_ref) *ref = NULL;
	struct errmsg em = { "" };
	AUTO_STR
	char *text = calloc(1, len + 1);
	if (!text)
		abort();
	if (len)
		memcpy(text, data, len);
	(void)token_ref_is_uri(text);
	enum err e = token_ref_parse(text, &ref, &em);
	if ((e == OK) != (ref != NULL) || (e != OK && !em.text[0]))
		abort();
	if (ref && p11_kit_uri_get_pin_value(ref->uri))
		abort();
	return 0;
}
