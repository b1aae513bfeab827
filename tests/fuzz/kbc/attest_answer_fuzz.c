#include "kbc/cc_message.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

/* The answer to `attest`, the JWT in it, and the same bytes as a JWT. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(secret) *token = NULL;
	struct cc_times times = { 0, 0 };
	if (cc_token_read((struct bytes){ data, len }, &token, NULL) == OK)
		(void)!cc_token_times(secret_bytes(token), &times, NULL);
	if (cc_token_times((struct bytes){ data, len }, &times, NULL) == OK && (times.iat < 0 || times.exp < 0))
		abort();
	return 0;
}
