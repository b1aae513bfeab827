#include "tests/support/fuzz.h"

#include "keywrap/key_file.h"

/* A PKCS#11 key file (YAML). No PIN is in what is printed or kept outside its secret. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(token_ref) *ref = NULL;
	struct errmsg em = { "" };
	enum err e = key_file_parse((struct bytes){ data, len }, &ref, &em);
	if ((e == OK) != (ref != NULL))
		abort();
	if (ref && (p11_kit_uri_get_pin_value(ref->uri) || !ref->label))
		abort();
	return 0;
}
