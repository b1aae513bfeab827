#include "tests/support/fuzz.h"

#include "common/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(X509) *certificate = NULL;
	uint8_t name[32];
	struct bytes text = { data, len };
	if (key_public_parse(text, &key, NULL) == OK && key_spki_sha256(key, name, NULL) != OK)
		abort();
	if (key_certificate_parse(text, &certificate, NULL) == OK && !certificate)
		abort();
	return 0;
}
