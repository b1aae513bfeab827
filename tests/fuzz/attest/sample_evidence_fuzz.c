#include "tests/support/fuzz.h"

#include "attest/verifier.h"

#define DIGEST_SIZE 48

/* The digest that the seeds are bound to: 48 times 'A'. Whatever is accepted says just that. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_OF(json_object) *evidence = NULL;
	AUTO_OF(json_object) *claims = NULL;
	struct attest_digest digest = { .len = DIGEST_SIZE };
	memset(digest.data, 'A', DIGEST_SIZE);
	if (json_parse((struct bytes){ data, len }, 65536, JSON_STRICT, &evidence, NULL) != OK)
		return 0;
	struct verifier_policy policy = { .allow_sample = true };
	struct verifier_request request = { "sample", evidence, &digest, NULL };
	const char *said = NULL;
	if (verifier_check(&policy, &request, &claims, NULL) != OK)
		return 0;
	if (json_get_string(claims, "report_data", &said, NULL) != OK ||
	    strcmp(said, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB") != 0)
		abort();
	return 0;
}
