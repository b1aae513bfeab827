#include "kbc/cc_message.h"
#include "tests/fuzz/kbc/answers.h"
#include "tests/support/fuzz.h"

#include "common/base64.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes rest = { data, len };
	AUTO_HTTP_RESPONSE resp = { 0 };
	AUTO(secret) *pair = NULL;
	struct cc_challenge challenge;
	int64_t seconds = 300;
	if (!message_next(&rest, &resp))
		return 0;
	if (cc_challenge_read(buf_bytes(&resp.body), &challenge, NULL) == OK) {
		AUTO_BUF
		raw = { 0 };
		if (base64_decode(BASE64_STD, bytes_str(challenge.nonce), &raw, NULL) != OK || raw.len < 16)
			abort();
	}
	if (cc_cookie_read(&resp, &pair, &seconds, NULL) == OK && (seconds < 0 || seconds > 24 * 3600))
		abort();
	return 0;
}
