#include "tests/support/fuzz.h"

#include "attest/init_data_delivery.h"

/* Init data of any form: what unpacks packs again, what parses has a digest and says the same each time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF
	text = { 0 };
	AUTO_BUF
	packed = { 0 };
	AUTO_BUF
	back = { 0 };
	AUTO(init_data) *d = NULL;
	struct init_data_kbs kbs;
	struct init_data_policy policy;
	struct attest_digest digest;
	if (init_data_unpack((struct bytes){ data, len }, &text, NULL) != OK ||
	    init_data_parse(buf_bytes(&text), &d, NULL) != OK)
		return 0;
	if (init_data_digest(d, &digest, NULL) != OK ||
	    init_data_pack(buf_bytes(&text), INIT_DATA_DISK, &packed, NULL) != OK ||
	    init_data_unpack(buf_bytes(&packed), &back, NULL) != OK || !bytes_equal(buf_bytes(&text), buf_bytes(&back)))
		abort();
	if (init_data_kbs_read(d, &kbs, NULL) == OK)
		init_data_kbs_clear(&kbs);
	if (init_data_policy_read(d, &policy, NULL) == OK)
		init_data_policy_clear(&policy);
	return 0;
}
