#include "tests/support/fuzz.h"

#include "common/key.h"

/* With the seeds' passphrase and without one: what is accepted is a whole key pair. */
static void parse(struct bytes text, const struct secret *passphrase)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	uint8_t name[32];
	if (key_private_parse(text, passphrase, &key, NULL) == OK && key_spki_sha256(key, name, NULL) != OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(secret) *passphrase = NULL;
	if (secret_copy(bytes_str("secret"), &passphrase, NULL) != OK)
		abort();
	parse((struct bytes){ data, len }, NULL);
	parse((struct bytes){ data, len }, passphrase);
	return 0;
}
