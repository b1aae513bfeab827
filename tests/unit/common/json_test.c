#include "common/json.h"

#include "tests/support/check.h"

enum { MAX = 1 << 20 };

static enum err parse(const char *text, json_object **out)
{
	return json_parse(bytes_str(text), MAX, JSON_STRICT, out, &em);
}

static json_object *parsed(const char *text)
{
	json_object *obj = NULL;
	check_ok(parse(text, &obj));
	return obj;
}

static void check_refused(const char *text)
{
	json_object *obj = NULL;
	enum err e = parse(text, &obj);
	if (e != ERR_PARSE)
		print_error("%s\n", text);
	assert_int_equal(ERR_PARSE, e);
	assert_null(obj);
}

static void reads_every_kind_of_value(void **state)
{
	(void)state;
	static const char *const texts[] = { "null",
					     "true",
					     "false",
					     "0",
					     "-1",
					     "1.5",
					     "1e3",
					     "\"\"",
					     "\"a\"",
					     "[]",
					     "{}",
					     "[1,2]",
					     " 1 ",
					     "\t[\n]\r",
					     "{\"a\":{}}",
					     "-0",
					     "1E+2",
					     "12345678901234567890",
					     "\"\\ud83d\\ude00\"",
					     "\"\\u0000\"",
					     "{\"\":1}",
					     "[[],{},\"\"]" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_OF(json_object) *obj = parsed(texts[i]);
		(void)obj;
	}
}

static void takes_text_that_no_nul_ends(void **state)
{
	(void)state;
	static const char *const texts[] = { "12", "{}", "true", "\"x\"", "[1]", "1.5" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t len = strlen(texts[i]);
		uint8_t *exact = malloc(len);
		assert_non_null(exact);
		memcpy(exact, texts[i], len);
		AUTO_OF(json_object) *obj = NULL;
		check_ok(json_parse((struct bytes){ exact, len }, MAX, JSON_STRICT, &obj, &em));
		AUTO_STR
		char *again = json_text(obj);
		assert_string_equal(texts[i], again);
		free(exact);
	}
}

static void refuses_what_rfc_8259_does_not_know(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"[1,]",
		"[,1]",
		"{\"a\":1,}",
		"{,}",
		"{a:1}",
		"{'a':1}",
		"'a'",
		"01",
		"-",
		"+1",
		".5",
		"5.",
		"1e",
		"1e+",
		"0x1",
		"NaN",
		"Infinity",
		"-Infinity",
		"nul",
		"nulll",
		"True",
		"TRUE",
		"1 2",
		"{} {}",
		"[1 2]",
		"{\"a\" 1}",
		"{\"a\"}",
		"{1:2}",
		"\"",
		"\"\t\"",
		"\"\n\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\\"",
		"/* */1",
		"1//",
		"#1",
		("\xef\xbb\xbf"
		 "1"),
		"[1]]",
		"{\"a\":}",
		"{:1}",
		"[\"a\",]",
		"\"a\" \"b\"",
		"-a",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_refused(texts[i]);
	json_object *obj = NULL;
	check_err(ERR_PARSE, json_parse((struct bytes){ (const uint8_t *)"1\0", 2 }, MAX, JSON_STRICT, &obj, &em));
	check_err(ERR_PARSE, json_parse((struct bytes){ (const uint8_t *)"\"\0\"", 3 }, MAX, JSON_STRICT, &obj, &em));
}

static void refuses_text_that_is_not_unicode(void **state)
{
	(void)state;
	static const char *const texts[] = { "\"\xff\"",           "\"\xc0\x80\"",    "\"\xed\xa0\x80\"",
					     "\"\\ud800\"",        "\"\\ud800x\"",    "\"\\udc00\"",
					     "\"\\ud800\\ud800\"", "\"\\ud800\\n\"",  "{\"\xff\":1}",
					     "\"\\ude00\\ud83d\"", "\"\xf0\x9f\x98\"" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_refused(texts[i]);
}

static void refuses_duplicate_members_at_any_depth(void **state)
{
	(void)state;
	static const char *const texts[] = { "{\"a\":1,\"a\":1}",
					     "{\"a\":1,\"b\":2,\"c\":3,\"a\":4}",
					     "[{\"x\":{\"a\":1,\"a\":2}}]",
					     "{\"a\":1,\"\\u0061\":2}",
					     "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}",
					     "{\"\":1,\"\":2}",
					     "{\"/\":1,\"\\/\":2}" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check_refused(texts[i]);
	AUTO_OF(json_object) *obj = parsed("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}],\"A\":1,\"aa\":2}");
	assert_int_equal(4, json_object_object_length(obj));
}

static void refuses_names_that_c_would_cut_short(void **state)
{
	(void)state;
	check_refused("{\"a\\u0000b\":1}");
	check_refused("{\"\\u0000\":1}");
}

static enum err parse_nested(size_t depth, char open, char close)
{
	AUTO_BUF
	text = { 0 };
	for (size_t i = 0; i < depth; i++)
		check_ok(buf_append(&text, (struct bytes){ (const uint8_t *)&open, 1 }, 0, &em));
	for (size_t i = 0; i < depth; i++)
		check_ok(buf_append(&text, (struct bytes){ (const uint8_t *)&close, 1 }, 0, &em));
	AUTO_OF(json_object) *obj = NULL;
	return json_parse(buf_bytes(&text), MAX, JSON_STRICT, &obj, &em);
}

static void bounds_depth_and_size(void **state)
{
	(void)state;
	check_ok(parse_nested(32, '[', ']'));
	check_err(ERR_PARSE, parse_nested(33, '[', ']'));
	check_err(ERR_PARSE, parse_nested(100000, '[', ']'));
	json_object *obj = NULL;
	check_ok(json_parse(bytes_str("[1]"), 3, JSON_STRICT, &obj, &em));
	json_object_put(obj);
	obj = NULL;
	check_err(ERR_LIMIT, json_parse(bytes_str("[1]"), 2, JSON_STRICT, &obj, &em));
	assert_null(obj);
}

/* Sorted comparison: 100000 members take moments, and the one duplicate among them is found. */
static void bears_very_many_members(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	AUTO_BUF
	text = { 0 };
	check_ok(buf_append(&text, bytes_str("{"), 0, &em));
	for (int i = 0; i < MANY; i++) {
		char member[32];
		snprintf(member, sizeof(member), "\"m%d\":%d,", i, i);
		check_ok(buf_append(&text, bytes_str(member), 0, &em));
	}
	check_ok(buf_append(&text, bytes_str("\"z\":1}"), 0, &em));
	AUTO_OF(json_object) *obj = NULL;
	check_ok(json_parse(buf_bytes(&text), 1 << 22, JSON_STRICT, &obj, &em));
	assert_int_equal(MANY + 1, json_object_object_length(obj));
	text.len--;
	check_ok(buf_append(&text, bytes_str(",\"m77777\":1}"), 0, &em));
	json_object *none = NULL;
	check_err(ERR_PARSE, json_parse(buf_bytes(&text), 1 << 22, JSON_STRICT, &none, &em));
	assert_null(none);
}

static void says_in_which_line(void **state)
{
	(void)state;
	json_object *obj = NULL;
	check_err(ERR_PARSE, parse("{\n\"a\": 1,\n\"b\": nothing\n}", &obj));
	assert_non_null(strstr(em.text, "line 3"));
	check_err(ERR_PARSE, parse("{\n\"a\": 1,\n\"b\": 1,\n\"a\": 1\n}", &obj));
	assert_non_null(strstr(em.text, "line 4"));
}

static json_object *parsed_with_comments(const char *text)
{
	json_object *obj = NULL;
	check_ok(json_parse(bytes_str(text), MAX, JSON_COMMENTS, &obj, &em));
	return obj;
}

static void takes_comments_where_they_are_allowed(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"// first\n{\"a\": /* x */ 1} // last",
		"/**/{/***/\"a\"/* * / */:/*\n*/1}/****/",
		"{\"a\":1}//",
		"{\"a\":1/* \" */}",
		"{//\"a\":2\n\"a\":1}",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_OF(json_object) *obj = parsed_with_comments(texts[i]);
		AUTO_STR
		char *text = json_text(obj);
		assert_string_equal("{\"a\":1}", text);
	}
	AUTO_OF(json_object) *obj = parsed_with_comments("{\"a\":\"// no /* comment */\",\"b\":\"\\\"// nor\"}");
	const char *value = NULL;
	check_ok(json_get_string(obj, "a", &value, &em));
	assert_string_equal("// no /* comment */", value);
	check_ok(json_get_string(obj, "b", &value, &em));
	assert_string_equal("\"// nor", value);
}

static void stays_strict_with_comments(void **state)
{
	(void)state;
	json_object *nothing = NULL;
	check_err(ERR_PARSE, json_parse((struct bytes){ 0 }, MAX, JSON_COMMENTS, &nothing, &em));
	check_err(ERR_PARSE, json_parse((struct bytes){ 0 }, MAX, JSON_STRICT, &nothing, &em));
	static const char *const texts[] = { "{\"a\":1,}", "/* 1",   "/*/1", "1 /",  "/ 1", "{\"a\":1,/**/\"a\":2}",
					     "{'a':1}",    "1/**/2", "#\n1", "\"//", "/",   "//",
					     "/**/" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		json_object *obj = NULL;
		check_err(ERR_PARSE, json_parse(bytes_str(texts[i]), MAX, JSON_COMMENTS, &obj, &em));
		assert_null(obj);
	}
}

static void gets_members_of_the_right_type(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{\"s\":\"text\",\"i\":-5,\"b\":true,\"o\":{\"x\":1},\"a\":[1],\"n\":null}");
	const char *s = NULL;
	int64_t i = 0;
	bool b = false;
	json_object *o = NULL;
	json_object *a = NULL;
	check_ok(json_get_string(obj, "s", &s, &em));
	assert_string_equal("text", s);
	check_ok(json_get_int_opt(obj, "i", -5, 5, &i, &em));
	assert_int_equal(-5, i);
	check_ok(json_get_bool_opt(obj, "b", &b, &em));
	assert_true(b);
	check_ok(json_get_object(obj, "o", &o, &em));
	check_ok(json_get_array_opt(obj, "a", &a, &em));
	assert_int_equal(1, json_object_array_length(a));
}

static void keeps_defaults_where_members_are_missing_or_null(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{\"n\":null}");
	static const char *const names[] = { "n", "missing" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *s = "default";
		int64_t number = 7;
		bool b = true;
		json_object *o = obj;
		check_ok(json_get_string_opt(obj, names[i], &s, &em));
		check_ok(json_get_int_opt(obj, names[i], 0, 1, &number, &em));
		check_ok(json_get_bool_opt(obj, names[i], &b, &em));
		check_ok(json_get_object_opt(obj, names[i], &o, &em));
		check_ok(json_get_array_opt(obj, names[i], &o, &em));
		assert_string_equal("default", s);
		assert_int_equal(7, number);
		assert_true(b);
		assert_ptr_equal(obj, o);
		check_err(ERR_PARSE, json_get_string(obj, names[i], &s, &em));
		assert_non_null(strstr(em.text, names[i]));
		check_err(ERR_PARSE, json_get_object(obj, names[i], &o, &em));
	}
}

static void refuses_members_of_another_type(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{\"s\":\"5\",\"i\":5,\"d\":5.0,\"z\":\"a\\u0000b\"}");
	const char *s = NULL;
	int64_t i = 0;
	bool b = false;
	json_object *o = NULL;
	check_err(ERR_PARSE, json_get_string(obj, "i", &s, &em));
	check_err(ERR_PARSE, json_get_string(obj, "z", &s, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "s", 0, 9, &i, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "d", 0, 9, &i, &em));
	check_err(ERR_PARSE, json_get_bool_opt(obj, "i", &b, &em));
	check_err(ERR_PARSE, json_get_object(obj, "s", &o, &em));
	check_err(ERR_PARSE, json_get_array_opt(obj, "s", &o, &em));
	check_err(ERR_PARSE, json_get_string(NULL, "s", &s, &em));
	AUTO_OF(json_object) *array = parsed("[1]");
	check_err(ERR_PARSE, json_get_string(array, "s", &s, &em));
	check_err(ERR_PARSE, json_only_members(array, (const char *const[]){ NULL }, &em));
	assert_null(s);
}

static void holds_integers_to_their_range(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{\"low\":-1,\"high\":10,\"max\":9223372036854775807,"
					   "\"beyond\":9223372036854775808,\"far\":99999999999999999999999,"
					   "\"below\":-99999999999999999999999}");
	int64_t n = 3;
	check_err(ERR_PARSE, json_get_int_opt(obj, "low", 0, 9, &n, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "high", 0, 9, &n, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "beyond", 0, INT64_MAX, &n, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "far", 0, INT64_MAX, &n, &em));
	check_err(ERR_PARSE, json_get_int_opt(obj, "below", -9, INT64_MAX, &n, &em));
	assert_int_equal(3, n);
	check_ok(json_get_int_opt(obj, "max", 0, INT64_MAX, &n, &em));
	assert_true(n == INT64_MAX);
}

static void names_the_unknown_member(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{\"a\":1,\"colour\":2}");
	check_err(ERR_PARSE, json_only_members(obj, (const char *const[]){ "a", "color", NULL }, &em));
	assert_non_null(strstr(em.text, "colour"));
	check_ok(json_only_members(obj, (const char *const[]){ "colour", "a", NULL }, &em));
}

static void writes_text_without_escaping_slashes(void **state)
{
	(void)state;
	AUTO_OF(json_object) *obj = parsed("{ \"b\" : \"a/b\" , \"a\" : [ 1 , true ] }");
	AUTO_STR
	char *text = json_text(obj);
	assert_string_equal("{\"b\":\"a/b\",\"a\":[1,true]}", text);
}

/* Strings are read eight bytes at a time where that goes. */
static void each_byte_is_the_same_wherever_in_a_string(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		for (size_t len = 1; len < 20; len++)
			for (size_t at = 0; at < len; at++) {
				char text[32] = "[\"xxxxxxxxxxxxxxxxxxxxxxxxx";
				AUTO_OF(json_object) *made = NULL;
				memcpy(text + 2 + len, "\"]", 2);
				text[2 + at] = (char)byte;
				/* A quote ends the string, and a backslash takes an x or the quote with it. */
				bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
				struct bytes all = { (const uint8_t *)text, len + 4 };
				enum err e = json_parse(all, sizeof(text), JSON_STRICT, &made, &em);
				assert_int_equal(e, plain ? OK : ERR_PARSE);
				if (!plain)
					continue;
				json_object *first = json_object_array_get_idx(made, 0);
				assert_int_equal(json_object_get_string_len(first), len);
				assert_int_equal((unsigned char)json_object_get_string(first)[at], byte);
			}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_kind_of_value),
		cmocka_unit_test(takes_text_that_no_nul_ends),
		cmocka_unit_test(refuses_what_rfc_8259_does_not_know),
		cmocka_unit_test(refuses_text_that_is_not_unicode),
		cmocka_unit_test(refuses_duplicate_members_at_any_depth),
		cmocka_unit_test(refuses_names_that_c_would_cut_short),
		cmocka_unit_test(bounds_depth_and_size),
		cmocka_unit_test(bears_very_many_members),
		cmocka_unit_test(says_in_which_line),
		cmocka_unit_test(takes_comments_where_they_are_allowed),
		cmocka_unit_test(stays_strict_with_comments),
		cmocka_unit_test(gets_members_of_the_right_type),
		cmocka_unit_test(keeps_defaults_where_members_are_missing_or_null),
		cmocka_unit_test(refuses_members_of_another_type),
		cmocka_unit_test(holds_integers_to_their_range),
		cmocka_unit_test(names_the_unknown_member),
		cmocka_unit_test(writes_text_without_escaping_slashes),
		cmocka_unit_test(each_byte_is_the_same_wherever_in_a_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
