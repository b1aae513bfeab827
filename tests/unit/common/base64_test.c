#include "common/base64.h"

#include "tests/support/check.h"

/* RFC 4648 section 10, and values with the two digits that differ. */
static const struct vector {
	const char *plain;
	const char *std;
	const char *url;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xef\xbe\xff\xff\xff", "++++////", "----____" },
};

static void encodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		AUTO_STR
		char *std = base64_encode(BASE64_STD, bytes_str(vectors[i].plain));
		AUTO_STR
		char *url = base64_encode(BASE64_URL, bytes_str(vectors[i].plain));
		assert_string_equal(vectors[i].std, std);
		assert_string_equal(vectors[i].url, url);
		AUTO(secret) *secret = NULL;
		check_ok(base64_encode_secret(BASE64_STD, bytes_str(vectors[i].plain), &secret, &em));
		check_bytes(bytes_str(vectors[i].std), secret_bytes(secret));
	}
}

static void check_decodes(enum base64_kind kind, const char *text, struct bytes plain)
{
	AUTO_BUF
	buf = { 0 };
	AUTO(secret) *secret = NULL;
	check_ok(base64_decode(kind, bytes_str(text), &buf, &em));
	check_bytes(plain, buf_bytes(&buf));
	check_ok(base64_decode_secret(kind, bytes_str(text), &secret, &em));
	check_bytes(plain, secret_bytes(secret));
}

static void decodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		check_decodes(BASE64_STD, vectors[i].std, bytes_str(vectors[i].plain));
		check_decodes(BASE64_URL, vectors[i].url, bytes_str(vectors[i].plain));
	}
}

static void check_refused(enum base64_kind kind, struct bytes text)
{
	AUTO_BUF
	buf = { 0 };
	struct secret *secret = NULL;
	check_err(ERR_PARSE, base64_decode(kind, text, &buf, &em));
	assert_int_equal(0, buf.len);
	check_err(ERR_PARSE, base64_decode_secret(kind, text, &secret, &em));
	assert_null(secret);
}

static void refuses_every_other_spelling(void **state)
{
	(void)state;
	static const char *const std[] = { "Zg",     "Zg=",   "Zg===",  "Z",        "Z===",     "=",
					   "==",     "====",  "Zm9v=",  "Zm9v====", "Zg==Zg==", "Z=g=",
					   "Zm8=\n", " Zm8=", "Zm9v\n", "Zm 9v",    "Zh==",     "Zm9=",
					   "Zm-v",   "Zm_v",  "Zm9*",   "\nZg=",    "Zm9vZm9vZ" };
	static const char *const url[] = { "Zg==", "Zm8=", "Z",      "Zm9vZ", "Zm+v", "Zm/v",
					   "Zh",   "Zm9",  "Zm9v\n", " Zg",   "Z g",  "Zg=" };
	for (size_t i = 0; i < ARRAY_LEN(std); i++)
		check_refused(BASE64_STD, bytes_str(std[i]));
	for (size_t i = 0; i < ARRAY_LEN(url); i++)
		check_refused(BASE64_URL, bytes_str(url[i]));
	check_refused(BASE64_STD, (struct bytes){ (const uint8_t *)"Zm\0v", 4 });
}

static bool is_digit_of(enum base64_kind kind, int c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return true;
	return kind == BASE64_STD ? c == '+' || c == '/' : c == '-' || c == '_';
}

static void takes_just_64_characters(void **state)
{
	(void)state;
	for (int kind = BASE64_STD; kind <= BASE64_URL; kind++)
		for (int c = 0; c < 256; c++)
			for (size_t at = 0; at < 4; at++) {
				uint8_t text[5] = "AAAA";
				text[at] = (uint8_t)c;
				AUTO_BUF
				out = { 0 };
				bool padding = kind == BASE64_STD && c == '=' && at == 3;
				enum err e =
					base64_decode((enum base64_kind)kind, (struct bytes){ text, 4 }, &out, NULL);
				assert_int_equal(is_digit_of((enum base64_kind)kind, c) || padding ? OK : ERR_PARSE, e);
			}
}

static void brings_every_length_back(void **state)
{
	(void)state;
	uint8_t plain[200];
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(plain); len++)
		for (int kind = BASE64_STD; kind <= BASE64_URL; kind++) {
			AUTO_STR
			char *text = base64_encode((enum base64_kind)kind, (struct bytes){ plain, len });
			check_decodes((enum base64_kind)kind, text, (struct bytes){ plain, len });
		}
}

static void replaces_what_was_in_the_buffer(void **state)
{
	(void)state;
	AUTO_BUF
	out = { 0 };
	check_ok(buf_append(&out, bytes_str("before"), 0, &em));
	check_ok(base64_decode(BASE64_STD, bytes_str("Zm8="), &out, &em));
	check_bytes(bytes_str("fo"), buf_bytes(&out));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_the_vectors),          cmocka_unit_test(decodes_the_vectors),
		cmocka_unit_test(refuses_every_other_spelling), cmocka_unit_test(takes_just_64_characters),
		cmocka_unit_test(brings_every_length_back),     cmocka_unit_test(replaces_what_was_in_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
