#include "tests/support/fuzz.h"

#include "attest/collateral.h"
#include "attest/tcb.h"

/* What a verifier does after the signatures, done before them: the fuzzer cannot sign. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t svns[16] = { 5, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 };
	struct pck pck = { .pcesvn = 11 };
	struct tcb_level level;
	AUTO_COLLATERAL
	c = { 0 };
	memset(pck.components, 5, sizeof pck.components);
	if (collateral_read((struct bytes){ data, len }, &c, NULL) != OK)
		return 0;
	struct tcb_platform tdx = { &pck, BYTES(svns) };
	struct tcb_platform sgx = { &pck, { NULL, 0 } };
	(void)!tcb_platform_level(c.tcb_info.object, &tdx, &level, NULL);
	(void)!tcb_platform_level(c.tcb_info.object, &sgx, &level, NULL);
	(void)!tcb_isvsvn_level(c.qe_identity.object, 4, &level, NULL);
	return 0;
}
