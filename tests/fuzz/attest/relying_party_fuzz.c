#include "tests/support/fuzz.h"

#include "attest/reference.h"
#include "attest/verifier.h"

/* What a relying party hands in: init data, reference values, times. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct appraisal a;
	static const uint8_t measured[48] = { 0x77 };
	struct reference_value values[] = { { "mr_td", BYTES(measured), NULL },
					    { "snp_bootloader", { NULL, 0 }, "3" } };
	struct bytes all = { data, len };
	struct attest_digest digest;
	int64_t when = 0;
	AUTO_BUF
	text = { 0 };
	(void)!verifier_init_data_digest(all, &digest, NULL);
	if (data && reference_appraise(&a, all, values, ARRAY_LEN(values), NULL) == OK && a.count == 0)
		abort();
	appraisal_clear(&a);
	if (buf_append(&text, all, 0, NULL) == OK && buf_cstr(&text))
		(void)appraisal_time_parse(buf_cstr(&text), &when);
	return 0;
}
