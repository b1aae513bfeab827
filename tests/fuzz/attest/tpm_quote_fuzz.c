#include "tests/support/fuzz.h"

#include "attest/tpm_attest.h"

static void inside(struct bytes part, struct bytes whole)
{
	if (part.len > 0 && (part.data < whole.data || part.data + part.len > whole.data + whole.len))
		abort();
}

/* What a parser gives lies inside of what it was given. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes all = { data, len };
	struct tpm_attest quote;
	struct tpm_signature signature;
	if (tpm_attest_parse(all, &quote, NULL) == OK) {
		inside(quote.signer, all);
		inside(quote.nonce, all);
		inside(quote.pcr_digest, all);
	}
	if (tpm_signature_parse(all, &signature, NULL) == OK) {
		inside(signature.first, all);
		inside(signature.second, all);
	}
	return 0;
}
