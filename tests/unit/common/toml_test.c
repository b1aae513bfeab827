#include "common/toml.h"
#include "tests/support/check.h"

/* Each text, and what it says as JSON. */
static const struct {
	const char *toml;
	const char *json;
} good[] = {
	{ "", "{}" },
	{ "# only\n\r\n\t# this", "{}" },
	{ "a = 1", "{\"a\":1}" },
	{ "version = \"0.1.0\" # c\r\nalgorithm = 'sha384'\n", "{\"version\":\"0.1.0\",\"algorithm\":\"sha384\"}" },
	{ "\"a b\" = ''\n'c.d' = \"\"", "{\"a b\":\"\",\"c.d\":\"\"}" },
	{ "[data]\n\"aa.toml\" = '''\n[x]\ny = '1'\n'''\n", "{\"data\":{\"aa.toml\":\"[x]\\ny = '1'\\n\"}}" },
	{ "a = \"\\\"\\\\\\t\\u00e9\\U0001F600\"", "{\"a\":\"\\\"\\\\\\t\xc3\xa9\xf0\x9f\x98\x80\"}" },
	{ "a = \"\"\"x\\\n   \n  y\"\"\"", "{\"a\":\"xy\"}" },
	{ "a = \"\"\"\"q\"\"\"\"", "{\"a\":\"\\\"q\\\"\"}" },
	{ "a = '''x\r\ny'''''", "{\"a\":\"x\\ny''\"}" },
	{ "a = '\\n'", "{\"a\":\"\\\\n\"}" },
	{ "a = [ 1, # one\n 'x', [true, false], ]", "{\"a\":[1,\"x\",[true,false]]}" },
	{ "a = []\nb = {}", "{\"a\":[],\"b\":{}}" },
	{ "a = {b = 1, c.d = 'x'}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}}}" },
	{ "a.b.c = 1\na.b.d = 2", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}" },
	{ "[a.b]\nc = 1\n[a]\nd = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}" },
	{ "[[l]]\na = 1\n[[l]]\n[l.s]\nb = 2", "{\"l\":[{\"a\":1},{\"s\":{\"b\":2}}]}" },
	{ "a = +1_000\nb = -0\nc = 0xdead_BEEF\nd = 0o17\ne = 0b11\nf = 9223372036854775807",
	  "{\"a\":1000,\"b\":0,\"c\":3735928559,\"d\":15,\"e\":3,\"f\":9223372036854775807}" },
};

static void reads_what_toml_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_OF(json_object) *read = NULL;
		check_ok(toml_parse(bytes_str(good[i].toml), 4096, &read, &em));
		AUTO_STR
		char *text = json_text(read);
		assert_string_equal(text, good[i].json);
	}
}

static void refuses_what_it_does_not(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"a",
		"a =",
		"a = 1 b = 2",
		"= 1",
		"a = 1\na = 2",
		"a = 'x",
		"a = \"x\ny\"",
		"a = '''x''",
		"a = \"\\x\"",
		"a = \"\\u00\"",
		"a = \"\\ud800\"",
		"a = \"\\u0000\"",
		"a = 'x\x01'",
		"# \x02",
		"a = [1",
		"a = [1 2]",
		"a = [,]",
		"a = {b = 1,}",
		"a = {b = 1",
		"a = {\nb = 1}",
		"[a",
		"[[a]",
		"[a]\n[a]",
		"[a] x",
		"a = 1\n[a]",
		"[a]\nb = 1\n[a.b]",
		"a.b = 1\n[a]",
		"a = {}\n[a.b]",
		"a = []\n[[a]]",
		"[a]\n[[a]]",
		"[[a]]\n[a]",
		"a = 01",
		"a = 1_",
		"a = _1",
		"a = 0x",
		"a = +0x1",
		"a = 9223372036854775808",
		"a = true1",
		"a = nan",
		"[a.b]\n[a]\nb.c = 1",
		"a.b = 1\na.b.c = 2",
		"a b = 1",
		"\"\"\"a\"\"\" = 1",
		"a = \xff",
		"a = \"\xc0\x80\"",
		"a = 1\r",
		"[]",
		"a = '\x7f'",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_OF(json_object) *read = NULL;
		if (toml_parse(bytes_str(texts[i]), 4096, &read, &em) != ERR_PARSE)
			fail_msg("taken: %s", texts[i]);
		assert_null(read);
	}
	AUTO_OF(json_object) *none = NULL;
	check_err(ERR_PARSE, toml_parse((struct bytes){ (const uint8_t *)"a = 1\0", 6 }, 4096, &none, &em));
}

static void says_what_it_does_not_read(void **state)
{
	(void)state;
	static const char *const texts[] = { "a = 1.5", "a = 1e3", "a = 1979-05-27", "a = 07:32:00" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_OF(json_object) *read = NULL;
		check_err(ERR_UNSUPPORTED, toml_parse(bytes_str(texts[i]), 4096, &read, &em));
	}
}

static void names_the_line(void **state)
{
	(void)state;
	AUTO_OF(json_object) *read = NULL;
	check_err(ERR_PARSE, toml_parse(bytes_str("# 1\na = '''\n\n'''\r\nb = [\n1,\n]\nc"), 4096, &read, &em));
	assert_non_null(strstr(em.text, "line 8"));
}

static void is_bounded(void **state)
{
	(void)state;
	AUTO_BUF
	deep = { 0 };
	AUTO_BUF
	many = { 0 };
	AUTO_OF(json_object) *read = NULL;
	check_ok(buf_append(&deep, bytes_str("a = "), 0, &em));
	for (int i = 0; i < 100000; i++)
		check_ok(buf_append(&deep, bytes_str("["), 0, &em));
	check_err(ERR_PARSE, toml_parse(buf_bytes(&deep), 1 << 20, &read, &em));
	for (int i = 0; i < 5000; i++)
		check_ok(buf_append(&many, bytes_str("[[a]]\n"), 0, &em));
	check_err(ERR_LIMIT, toml_parse(buf_bytes(&many), 1 << 20, &read, &em));
	check_err(ERR_LIMIT, toml_parse(bytes_str("a = 1"), 4, &read, &em));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_toml_allows),
		cmocka_unit_test(refuses_what_it_does_not),
		cmocka_unit_test(says_what_it_does_not_read),
		cmocka_unit_test(names_the_line),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
