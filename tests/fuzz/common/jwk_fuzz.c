#include "tests/support/fuzz.h"

#include "common/jwk.h"

/* A public key that was accepted is the same after it was written and read again. */
static void round_trip(struct bytes text)
{
	AUTO_OF(json_object) *jwk = NULL;
	AUTO_OF(json_object) *again = NULL;
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(EVP_PKEY) *same = NULL;
	if (json_parse(text, 65536, JSON_STRICT, &jwk, NULL) != OK || jwk_to_public(jwk, &key, NULL) != OK)
		return;
	if (jwk_from_public(key, NULL, &again, NULL) != OK || jwk_to_public(again, &same, NULL) != OK ||
	    EVP_PKEY_eq(key, same) != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	struct bytes text = { data, len };
	round_trip(text);
	if (jwk_to_private(text, &key, NULL) == OK && !key)
		abort();
	return 0;
}
