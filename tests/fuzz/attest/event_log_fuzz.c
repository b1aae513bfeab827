#include "tests/support/fuzz.h"

#include "attest/event_log.h"

/* The same log gives the same registers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct event_log_registers once;
	struct event_log_registers twice;
	if (event_log_replay((struct bytes){ data, len }, &once, NULL) != OK)
		return 0;
	if (event_log_replay((struct bytes){ data, len }, &twice, NULL) != OK || once.events != twice.events ||
	    memcmp(once.rtmr, twice.rtmr, sizeof once.rtmr) != 0)
		abort();
	return 0;
}
