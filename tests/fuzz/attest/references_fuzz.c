#include "tests/support/fuzz.h"

#include "attest/references.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct references of;
	bool is_signed = false;
	AUTO_BUF
	out = { 0 };
	if (references_read((struct bytes){ data, len }, NULL, &of, &is_signed, NULL) != OK)
		return 0;
	/* What was read can be written, unless there are values alone. */
	const struct references_seal unsealed = { NULL, NULL };
	if ((references_write(&of, REFERENCES_JSON, &unsealed, &out, NULL) != OK) != (of.named_count > 0))
		abort();
	return 0;
}
