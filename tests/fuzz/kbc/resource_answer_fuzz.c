#include "kbc/tee_key.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

/* An answer that was not sealed for this key must never open. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct tee_key keys[2];
	static const char *const types[] = { "P-256", "RSA" };
	for (size_t i = 0; i < 2; i++) {
		AUTO(secret) *plain = NULL;
		struct tee_sealed sealed = { { data, len }, 4096 };
		if (!keys[i].alg && tee_key_generate(types[i], &keys[i], NULL) != OK)
			abort();
		if (tee_key_open(keys[i].private_der, keys[i].alg, &sealed, &plain, NULL) == OK)
			abort();
	}
	return 0;
}
