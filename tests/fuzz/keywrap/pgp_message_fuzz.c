#include "tests/support/fuzz.h"

#include "keywrap/pgp_message.h"

/* What GnuPG is shown is binary, whatever came in, and passes again as it is. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF
	decoded = { 0 };
	AUTO_BUF
	nothing = { 0 };
	struct bytes binary = { 0 };
	struct bytes again = { 0 };
	if (pgp_message_check((struct bytes){ data, len }, &decoded, &binary, NULL) != OK)
		return 0;
	if (binary.len == 0 || !(binary.data[0] & 0x80))
		abort();
	if (pgp_message_check(binary, &nothing, &again, NULL) != OK || again.data != binary.data || nothing.len)
		abort();
	return 0;
}
