#include "attest/launch.h"

#include "common/libctx.h"

#include <openssl/evp.h>

static void sha384(struct launch *l, struct bytes of, uint8_t out[MEASURE_LEN])
{
	size_t len = 0;
	if (EVP_Q_digest(libctx(), "SHA384", NULL, of.data, of.len, out, &len) != 1)
		l->failed = true;
}

void launch_page(struct launch *l, enum launch_page_type type, const uint8_t *data, uint64_t gpa)
{
	uint8_t info[112] = { 0 };
	memcpy(info, l->digest, MEASURE_LEN);
	if (data)
		sha384(l, (struct bytes){ data, LAUNCH_PAGE_LEN }, info + MEASURE_LEN);
	info[96] = sizeof info;
	info[98] = (uint8_t)type;
	for (int i = 0; i < 8; i++)
		info[104 + i] = (uint8_t)(gpa >> (8 * i));
	sha384(l, BYTES(info), l->digest);
}

enum err launch_end(const struct launch *l, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	if (l->failed)
		return err_openssl(em, ERR_CRYPTO, "launch digest");
	memcpy(out, l->digest, MEASURE_LEN);
	return OK;
}
