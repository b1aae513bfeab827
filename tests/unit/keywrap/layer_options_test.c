#include "tests/unit/keywrap/layers.h"

#include "common/base64.h"
#include "keywrap/layer_options.h"

/* privopts and pubopts: as the Go library writes and reads them. */

#define SYMKEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NONCE "EBESExQVFhcYGRobHB0eHw=="
#define OTHER_NONCE "IBESExQVFhcYGRobHB0eHw=="
#define HMAC "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PRIV "{\"symkey\":\"" SYMKEY "\",\"digest\":\"" DIGEST "\",\"cipheroptions\":{\"nonce\":\"" NONCE "\"}}"
#define PUB "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"" HMAC "\",\"cipheroptions\":{}}"

static enum err read_both(const char *priv, const char *pub, struct layer_options *out, struct errmsg *em)
{
	AUTO(secret) *secret = NULL;
	AUTO_STR
	char *base64 = base64_encode(BASE64_STD, bytes_str(pub));
	assert_int_equal(secret_copy(bytes_str(priv), &secret, em), OK);
	return layer_options_read((struct layer_options_text){ secret, base64 }, out, em);
}

static void writes_to_the_byte_what_go_writes(void **state)
{
	(void)state;
	AUTO_LAYER_OPTIONS o = { 0 };
	struct errmsg em = { "" };
	AUTO(secret) *priv = NULL;
	AUTO_STR
	char *pub = NULL;
	AUTO_BUF
	plain = { 0 };
	assert_int_equal(read_both(PRIV, PUB, &o, &em), OK);
	assert_int_equal(o.nonce[0], 0x10);
	assert_int_equal(o.hmac[31], 0x5f);
	assert_int_equal(secret_len(o.symkey), 32);
	assert_string_equal(o.digest, DIGEST);
	assert_int_equal(privopts_write(&o, &priv, &em), OK);
	assert_true(bytes_equal(secret_bytes(priv), bytes_str(PRIV)));
	assert_int_equal(secret_len(priv), 193);
	assert_int_equal(pubopts_write(&o, &pub, &em), OK);
	assert_int_equal(base64_decode(BASE64_STD, bytes_str(pub), &plain, &em), OK);
	assert_true(bytes_equal(buf_bytes(&plain), bytes_str(PUB)));
}

static void reads_what_go_reads(void **state)
{
	(void)state;
	static const struct {
		const char *priv, *pub;
	} good[] = {
		{ "{\"SymKey\":\"" SYMKEY "\",\"CIPHEROPTIONS\":{\"nonce\":\"" NONCE "\"},\"more\":[1]}", PUB },
		{ "{\"symkey\":\"" SYMKEY "\",\"digest\":\"\",\"cipheroptions\":{\"nonce\":\"" NONCE "\"}}", PUB },
		{ "{\"symkey\":\"" SYMKEY "\",\"digest\":null,\"cipheroptions\":null}",
		  "{\"Cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"" HMAC "\",\"cipheroptions\":{\"nonce\":\"" NONCE
		  "\"}}" },
		{ PRIV, "{\"hmac\":\"" HMAC "\",\"x\":{},\"cipher\":\"AES_256_CTR_HMAC_SHA256\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_LAYER_OPTIONS o = { 0 };
		struct errmsg em = { "" };
		if (read_both(good[i].priv, good[i].pub, &o, &em) != OK)
			fail_msg("%zu: %s", i, em.text);
		assert_int_equal(o.nonce[0], 0x10);
	}
}

static void takes_the_nonce_of_pubopts_first(void **state)
{
	(void)state;
	AUTO_LAYER_OPTIONS o = { 0 };
	struct errmsg em = { "" };
	assert_int_equal(read_both(PRIV,
				   "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"" HMAC
				   "\",\"cipheroptions\":{\"nonce\":\"" OTHER_NONCE "\"}}",
				   &o, &em),
			 OK);
	assert_int_equal(o.nonce[0], 0x20);
}

static void refuses_what_is_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *priv, *pub;
		enum err e;
	} bad[] = {
		{ "", PUB, ERR_PARSE },
		{ "[]", PUB, ERR_PARSE },
		{ PRIV "x", PUB, ERR_PARSE },
		{ "{\"symkey\":\"AAEC\",\"cipheroptions\":{\"nonce\":\"" NONCE "\"}}", PUB, ERR_PARSE },
		{ "{\"symkey\":5,\"cipheroptions\":{\"nonce\":\"" NONCE "\"}}", PUB, ERR_PARSE },
		{ "{\"symkey\":\"" SYMKEY "\"}", PUB, ERR_PARSE },
		{ "{\"symkey\":\"" SYMKEY "\",\"cipheroptions\":{\"nonce\":\"AAEC\"}}", PUB, ERR_PARSE },
		{ "{\"symkey\":\"" SYMKEY "\",\"cipheroptions\":[]}", PUB, ERR_PARSE },
		{ "{\"symkey\":\"" SYMKEY "\",\"digest\":7,\"cipheroptions\":{\"nonce\":\"" NONCE "\"}}", PUB,
		  ERR_PARSE },
		{ PRIV, "{}", ERR_PARSE },
		{ PRIV, "not json", ERR_PARSE },
		{ PRIV, "{\"cipher\":\"AES_256_GCM\",\"hmac\":\"" HMAC "\"}", ERR_UNSUPPORTED },
		{ PRIV, "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\"}", ERR_PARSE },
		{ PRIV, "{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"QEFC\"}", ERR_PARSE },
		{ PRIV, "", ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_LAYER_OPTIONS o = { 0 };
		struct errmsg em = { "" };
		enum err e = read_both(bad[i].priv, bad[i].pub, &o, &em);
		if (e != bad[i].e)
			fail_msg("%zu: %s: %s", i, err_name(e), em.text);
		assert_null(strstr(em.text, SYMKEY));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_to_the_byte_what_go_writes),
		cmocka_unit_test(reads_what_go_reads),
		cmocka_unit_test(takes_the_nonce_of_pubopts_first),
		cmocka_unit_test(refuses_what_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
