#include "tests/support/fuzz.h"

#include "common/base64.h"

/* What decodes encodes to the same text: strictness leaves one spelling for each value. */
static void round_trip(enum base64_kind kind, struct bytes text)
{
	AUTO_BUF
	plain = { 0 };
	AUTO(secret) *secret = NULL;
	enum err open = base64_decode(kind, text, &plain, NULL);
	enum err closed = base64_decode_secret(kind, text, &secret, NULL);
	if (open != closed)
		abort();
	if (open != OK)
		return;
	AUTO_STR
	char *again = base64_encode(kind, buf_bytes(&plain));
	if (!again || !bytes_equal(bytes_str(again), text) || !bytes_equal(buf_bytes(&plain), secret_bytes(secret)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	round_trip(BASE64_STD, (struct bytes){ data, len });
	round_trip(BASE64_URL, (struct bytes){ data, len });
	return 0;
}
