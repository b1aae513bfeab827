#include "tests/support/fuzz.h"

#include "attest/verifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct appraisal a;
	static const char *const tees[] = { "tdx", "sgx", "snp" };
	AUTO_OF(json_object) *evidence = NULL;
	struct verifier_input in = { .now = 1893888000 };
	if (json_parse((struct bytes){ data, len }, 1 << 20, JSON_STRICT, &evidence, NULL) != OK)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(tees); i++) {
		enum err e = verifier_appraise_json(tees[i], evidence, &in, &a, NULL);
		if (e == OK && a.status == APPRAISAL_AFFIRMING)
			abort();
		appraisal_clear(&a);
	}
	return 0;
}
