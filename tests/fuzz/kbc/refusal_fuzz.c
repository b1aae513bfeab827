#include "kbc/cc_refusal.h"
#include "tests/fuzz/kbc/answers.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes rest = { data, len };
	AUTO_HTTP_RESPONSE resp = { 0 };
	if (!message_next(&rest, &resp))
		return 0;
	for (int stage = CC_STAGE_AUTH; stage <= CC_STAGE_RESOURCE; stage++) {
		struct errmsg em = { "" };
		struct cc_refusal r = cc_refusal_read((enum cc_stage)stage, &resp, &em);
		if (r.err == OK || (r.renew && stage != CC_STAGE_RESOURCE))
			abort();
		for (const char *c = em.text; *c; c++)
			if (*c < ' ' || *c > '~')
				abort();
	}
	if (cc_retry_after_ms(&resp) < 0)
		abort();
	return 0;
}
