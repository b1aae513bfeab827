#include "tests/support/fuzz.h"

#include "common/pin_verifier.h"

/* Whatever is taken for a verifier is within the bounds that keep a login short. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[1024];
	struct errmsg em = { "" };
	struct pin_verifier v;
	if (len >= sizeof(text) || memchr(data, 0, len))
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	if (pin_verifier_read(text, &v, &em) != OK)
		return em.text[0] ? 0 : (abort(), 0);
	if (v.salt_len < 8 || v.salt_len > sizeof(v.salt) || v.hash_len < 16 || v.hash_len > sizeof(v.hash))
		abort();
	if (v.hash_name ? v.iterations < 10000 || v.iterations > 10000000 : v.n < 4096 || v.n * v.r * 128 > 256 << 20)
		abort();
	return 0;
}
