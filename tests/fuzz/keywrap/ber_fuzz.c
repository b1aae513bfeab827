#include "tests/support/fuzz.h"

#include "common/der.h"
#include "keywrap/cms.h"

/* What was normalised once is DER: it reads to its end, and stays as it is. */

static void reads_whole(struct bytes body)
{
	struct der_item item;
	while (der_read(&body, &item))
		if (item.tag & 0x20)
			reads_whole(item.body);
	if (body.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_BUF
	once = { 0 };
	AUTO_BUF
	twice = { 0 };
	struct cms_identity identity;
	if (cms_identity_read((struct bytes){ data, len }, &identity, NULL) == OK && identity.serial.len < 2)
		abort();
	if (ber_normalize((struct bytes){ data, len }, &once, NULL) != OK)
		return 0;
	reads_whole(buf_bytes(&once));
	if (ber_normalize(buf_bytes(&once), &twice, NULL) != OK || !bytes_equal(buf_bytes(&once), buf_bytes(&twice)))
		abort();
	return 0;
}
