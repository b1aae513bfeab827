#include "common/json_scan.h"

#include "tests/support/check.h"

static enum err member(const char *text, const char *path, struct bytes *raw)
{
	return json_scan_member(bytes_str(text), (struct json_scan_path){ .path = path }, raw, &em);
}

static enum err member_any_case(const char *text, const char *path, struct bytes *raw)
{
	return json_scan_member(bytes_str(text), (struct json_scan_path){ .path = path, .any_case = true }, raw, &em);
}

static void finds_members_by_path(void **state)
{
	(void)state;
	static const char text[] = " { \"a\" : 1 , \"cipheroptions\" : { \"nonce\" : \"AAAA\" , \"x\":{\"y\":[ 1, 2 ] "
				   "}}, \"b\\u0063\":null } ";
	struct bytes raw = { 0 };
	check_ok(member(text, "a", &raw));
	check_bytes(bytes_str("1"), raw);
	check_ok(member(text, "cipheroptions.nonce", &raw));
	check_bytes(bytes_str("\"AAAA\""), raw);
	check_ok(member(text, "cipheroptions.x.y", &raw));
	check_bytes(bytes_str("[ 1, 2 ]"), raw);
	check_ok(member(text, "bc", &raw));
	check_bytes(bytes_str("null"), raw);
}

static void says_when_a_member_is_missing(void **state)
{
	(void)state;
	struct bytes raw = { 0 };
	check_err(ERR_NOT_FOUND, member("{\"a\":{}}", "b", &raw));
	check_err(ERR_NOT_FOUND, member("{\"a\":{}}", "a.b", &raw));
	check_err(ERR_NOT_FOUND, member("{\"a\":{\"b\":1}}", "b", &raw));
	check_err(ERR_NOT_FOUND, member("{}", "a", &raw));
	check_err(ERR_NOT_FOUND, member("{\"A\":1}", "a", &raw));
	check_err(ERR_NOT_FOUND, member("{\"ab\":1}", "a", &raw));
	check_err(ERR_NOT_FOUND, member("{\"a\":1}", "ab", &raw));
	check_err(ERR_PARSE, member("{\"a\":1}", "a.b", &raw));
	check_err(ERR_PARSE, member("[1]", "a", &raw));
	assert_null(raw.data);
}

static void matches_any_case_as_go_does(void **state)
{
	(void)state;
	struct bytes raw = { 0 };
	check_ok(member_any_case("{\"SymKey\":\"x\"}", "symkey", &raw));
	check_ok(member_any_case("{\"symkey\":\"x\"}", "SYMKEY", &raw));
	check_ok(member_any_case(("{\"\xc5\xbfym\xe2\x84\xaa"
				  "ey\":\"x\"}"),
				 "symkey", &raw));
	check_ok(member_any_case("{\"\\u0053ymkey\":\"x\"}", "symkey", &raw));
	check_bytes(bytes_str("\"x\""), raw);
	check_err(ERR_NOT_FOUND, member_any_case("{\"sym_key\":1,\"sym\":2}", "symkey", &raw));
	/* Two spellings: another reader might take the other one. */
	check_err(ERR_PARSE, member_any_case("{\"symkey\":\"x\",\"SymKey\":\"y\"}", "symkey", &raw));
	check_ok(member("{\"symkey\":\"x\",\"SymKey\":\"y\"}", "symkey", &raw));
}

static void refuses_malformed_text_wherever_it_is(void **state)
{
	(void)state;
	static const char *const texts[] = { "{\"a\":1,\"b\":}",  "{\"a\":1}x", "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}",
					     "{\"a\":1,\"a\":2}", "{\"a\":1,}", "{\"a\":\"\\ud800\"}",
					     "{\"a\":\"\xff\"}",  "{\"a\":1",   "",
					     "//\n{\"a\":1}" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct bytes raw = { 0 };
		check_err(ERR_PARSE, member(texts[i], "a", &raw));
		check_err(ERR_PARSE, json_scan_valid(bytes_str(texts[i]), &em));
		assert_null(raw.data);
	}
}

static void bounds_the_depth(void **state)
{
	(void)state;
	check_ok(json_scan_valid(bytes_str("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"), &em));
	check_err(ERR_PARSE, json_scan_valid(bytes_str("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"), &em));
}

static void unescapes_into_the_arena(void **state)
{
	(void)state;
	static const struct {
		const char *raw;
		const char *plain;
	} vectors[] = {
		{ "\"\"", "" },
		{ "\"plain\"", "plain" },
		{ " \"blanks\" ", "blanks" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	};
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		AUTO(secret) *plain = NULL;
		check_ok(json_scan_string(bytes_str(vectors[i].raw), &plain, &em));
		check_bytes(bytes_str(vectors[i].plain), secret_bytes(plain));
	}
	AUTO(secret) *nul = NULL;
	check_ok(json_scan_string(bytes_str("\"a\\u0000b\""), &nul, &em));
	check_bytes((struct bytes){ (const uint8_t *)"a\0b", 3 }, secret_bytes(nul));
}

static void takes_strings_only(void **state)
{
	(void)state;
	static const char *const raws[] = { "",    "1", "null",    "{}",    "[\"a\"]", "\"a\" \"b\"",
					    "\"a", "a", "\"\\x\"", "\"\n\"" };
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		struct secret *plain = NULL;
		check_err(ERR_PARSE, json_scan_string(bytes_str(raws[i]), &plain, &em));
		check_err(ERR_PARSE, json_scan_base64(bytes_str(raws[i]), BASE64_STD, &plain, &em));
		assert_null(plain);
	}
}

static void decodes_base64_with_escaped_slashes(void **state)
{
	(void)state;
	AUTO(secret) *std = NULL;
	AUTO(secret) *url = NULL;
	check_ok(json_scan_base64(bytes_str("\"+\\/+\\u002f/w==\""), BASE64_STD, &std, &em));
	check_bytes((struct bytes){ (const uint8_t *)"\xfb\xff\xbf\xff", 4 }, secret_bytes(std));
	check_ok(json_scan_base64(bytes_str("\"-_-__w\""), BASE64_URL, &url, &em));
	check_bytes(secret_bytes(std), secret_bytes(url));
	struct secret *none = NULL;
	check_err(ERR_PARSE, json_scan_base64(bytes_str("\"AA\""), BASE64_STD, &none, &em));
	check_err(ERR_PARSE, json_scan_base64(bytes_str("\"AA==\""), BASE64_URL, &none, &em));
	assert_null(none);
}

/* Neither the text around a fault nor a member's value may show in an error. */
static void keeps_values_out_of_errors(void **state)
{
	(void)state;
	static const char *const texts[] = { "{\"a\":\"hunter2\",\"a\":1}", "{\"a\":\"hunter2\\x\"}", "{\"a\":hunter2}",
					     "\"hunter2" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct bytes raw = { 0 };
		check_err(ERR_PARSE, member(texts[i], "a", &raw));
		assert_null(strstr(em.text, "hunter2"));
	}
	struct secret *none = NULL;
	check_err(ERR_PARSE, json_scan_base64(bytes_str("\"hunter2\""), BASE64_STD, &none, &em));
	assert_null(strstr(em.text, "hunter2"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_members_by_path),
		cmocka_unit_test(says_when_a_member_is_missing),
		cmocka_unit_test(matches_any_case_as_go_does),
		cmocka_unit_test(refuses_malformed_text_wherever_it_is),
		cmocka_unit_test(bounds_the_depth),
		cmocka_unit_test(unescapes_into_the_arena),
		cmocka_unit_test(takes_strings_only),
		cmocka_unit_test(decodes_base64_with_escaped_slashes),
		cmocka_unit_test(keeps_values_out_of_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
