#include "common/json.h"

#include "common/libctx.h"
#include "tests/support/check.h"

#include <openssl/evp.h>

enum { MAX = 1 << 16 };

static char *canonical(const char *text)
{
	AUTO_OF(json_object) *obj = NULL;
	char *out = NULL;
	check_ok(json_parse(bytes_str(text), MAX, JSON_STRICT, &obj, &em));
	check_ok(json_canonical(obj, &out, &em));
	return out;
}

static void check_canonical(const char *wanted, const char *text)
{
	AUTO_STR
	char *out = canonical(text);
	assert_string_equal(wanted, out);
	AUTO_STR
	char *again = canonical(out);
	assert_string_equal(wanted, again);
}

/* RFC 8785 3.2.2, less the numbers that are no integers. */
static void follows_the_example_of_3_2_2(void **state)
{
	(void)state;
	check_canonical("{\"literals\":[null,true,false],\"numbers\":[333333333,4,0],"
			"\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
			"{ \"numbers\": [333333333, 4, -0],\n"
			"  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
			"  \"literals\": [null, true, false] }");
}

/* RFC 8785 3.2.3: by UTF-16 code units, so that U+1F600 comes before U+FB33. */
static void sorts_names_by_utf16_code_units(void **state)
{
	(void)state;
	check_canonical("{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin "
			"Small Letter O "
			"With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning "
			"Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}",
			"{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With "
			"Dagesh\",\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning "
			"Face\",\"\\u0080\":\"Control\",\"\\u00f6\":"
			"\"Latin Small Letter O With Diaeresis\"}");
	check_canonical("{\"\":0,\"A\":1,\"a\":2,\"aa\":3,\"b\":4}", "{\"b\":4,\"aa\":3,\"a\":2,\"A\":1,\"\":0}");
	check_canonical("{\"\xed\x9f\xbf\":1,\"\xf0\x90\x80\x80\":2,\"\xf4\x8f\xbf\xbf\":3,\"\xee\x80\x80\":4,"
			"\"\xef\xbf\xbf\":5}",
			"{\"\\uffff\":5,\"\\ue000\":4,\"\\udbff\\udfff\":3,\"\\ud800\\udc00\":2,\"\\ud7ff\":1}");
}

static void escapes_just_what_must_be(void **state)
{
	(void)state;
	check_canonical(
		"\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \x7f\xc2\x80\xe2\x80\xa8/\"",
		"\"\\u0000\\u0001\\u0008\\u0009\\u000A\\u000B\\u000C\\u000D\\u001F\\u0020\\u007f\\u0080\\u2028\\/\"");
}

static void sorts_at_every_depth(void **state)
{
	(void)state;
	check_canonical(
		"{\"a\":[{\"x\":1,\"y\":{}},[]],\"b\":{\"c\":null,\"d\":false}}",
		" { \"b\" : { \"d\" : false , \"c\" : null } , \"a\" : [ { \"y\" : { } , \"x\" : 1 } , [ ] ] } ");
	check_canonical("null", "null");
	check_canonical("[]", "[ ]");
}

static void check_unsupported(const char *text)
{
	AUTO_OF(json_object) *obj = NULL;
	char *out = NULL;
	check_ok(json_parse(bytes_str(text), MAX, JSON_STRICT, &obj, &em));
	check_err(ERR_UNSUPPORTED, json_canonical(obj, &out, &em));
	assert_null(out);
}

static void writes_integers_up_to_2_to_the_53(void **state)
{
	(void)state;
	check_canonical("[9007199254740992,-9007199254740992,0,-1]", "[9007199254740992,-9007199254740992,0,-1]");
	check_unsupported("[9007199254740993]");
	check_unsupported("-9007199254740993");
	check_unsupported("18446744073709551615");
	check_unsupported("99999999999999999999999");
	check_unsupported("{\"a\":1.5}");
	check_unsupported("1e3");
}

static void refuses_strings_that_are_not_utf8(void **state)
{
	(void)state;
	char *out = NULL;
	AUTO_OF(json_object) *text = json_object_new_string("\xff");
	check_err(ERR_PARSE, json_canonical(text, &out, &em));
	AUTO_OF(json_object) *obj = json_object_new_object();
	json_object_object_add(obj, "\xc0\x80", NULL);
	check_err(ERR_PARSE, json_canonical(obj, &out, &em));
	assert_null(out);
}

static void refuses_what_is_nested_without_end(void **state)
{
	(void)state;
	AUTO_OF(json_object) *outer = json_object_new_array();
	json_object *inner = outer;
	for (int i = 0; i < 100; i++) {
		json_object *next = json_object_new_array();
		json_object_array_add(inner, next);
		inner = next;
	}
	char *out = NULL;
	check_err(ERR_LIMIT, json_canonical(outer, &out, &em));
	assert_null(out);
}

/* KBS protocol 0.4.0, report data: the vector of our own specification. */
static void gives_the_report_data_of_the_protocol(void **state)
{
	(void)state;
	static const char wanted[] = "{\"additional-evidence\":\"\",\"nonce\":"
				     "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"tee-pubkey\":{\"alg\":"
				     "\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AQ\",\"y\":\"Ag\"}}";
	AUTO_STR
	char *out =
		canonical("{\"tee-pubkey\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"y\":\"Ag\","
			  "\"x\":\"AQ\"},\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
			  "\"additional-evidence\":\"\"}");
	assert_string_equal(wanted, out);
	uint8_t digest[64];
	size_t len = 0;
	assert_int_equal(1, EVP_Q_digest(libctx(), "SHA384", NULL, out, strlen(out), digest, &len));
	AUTO_STR
	char *hex = hex_encode((struct bytes){ digest, len });
	assert_string_equal(
		"c659c8450cacb5fe3dd38b1bb0af9a913b9ec007da5cdc7f7807dd73ec4d041229db45f981c5470dec705ae2270eac11",
		hex);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_example_of_3_2_2),
		cmocka_unit_test(sorts_names_by_utf16_code_units),
		cmocka_unit_test(escapes_just_what_must_be),
		cmocka_unit_test(sorts_at_every_depth),
		cmocka_unit_test(writes_integers_up_to_2_to_the_53),
		cmocka_unit_test(refuses_strings_that_are_not_utf8),
		cmocka_unit_test(refuses_what_is_nested_without_end),
		cmocka_unit_test(gives_the_report_data_of_the_protocol),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
