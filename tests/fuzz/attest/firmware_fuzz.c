#include "tests/support/fuzz.h"

#include "attest/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t once[MEASURE_LEN];
	struct bytes image = { data, len };
	struct measure_snp in = { .firmware = image, .vcpus = 2, .features = 1 };
	(void)!measure_tdx(image, MEASURE_TWO_PASS, once, NULL);
	(void)!measure_snp(&in, once, NULL);
	in.boot.kernel = bytes_str("kernel");
	(void)!measure_snp(&in, once, NULL);
	return 0;
}
