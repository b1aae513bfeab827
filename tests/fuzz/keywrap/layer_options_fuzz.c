#include "tests/support/fuzz.h"

#include "common/base64.h"
#include "keywrap/layer_options.h"

/* First line: privopts. The rest: pubopts. What is read and written again reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len ? memchr(data, '\n', len) : NULL;
	size_t priv_len = end ? (size_t)(end - data) : len;
	struct bytes pub = { data + priv_len + (end != NULL), len - priv_len - (end != NULL) };
	struct layer_options o = { 0 };
	struct layer_options again = { 0 };
	struct errmsg em = { "" };
	AUTO(secret) *priv = NULL;
	AUTO(secret) *written = NULL;
	AUTO_STR
	char *pub_written = NULL;
	AUTO_STR
	char *base64 = base64_encode(BASE64_STD, pub);
	if (!base64 || secret_copy((struct bytes){ data, priv_len }, &priv, &em) != OK)
		abort();
	if (layer_options_read((struct layer_options_text){ priv, base64 }, &o, &em) == OK &&
	    strspn(o.digest, "abcdefghijklmnopqrstuvwxyz0123456789:") == strlen(o.digest)) {
		if (privopts_write(&o, &written, &em) != OK || pubopts_write(&o, &pub_written, &em) != OK)
			abort();
		struct layer_options_text text = { written, pub_written };
		if (layer_options_read(text, &again, &em) != OK || memcmp(o.hmac, again.hmac, sizeof(o.hmac)) != 0 ||
		    memcmp(o.nonce, again.nonce, sizeof(o.nonce)) != 0 || strcmp(o.digest, again.digest) != 0 ||
		    !bytes_equal(secret_bytes(o.symkey), secret_bytes(again.symkey)))
			abort();
	}
	layer_options_clear(&again);
	layer_options_clear(&o);
	return 0;
}
