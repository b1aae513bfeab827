#include "common/resource_uri.h"

#include "tests/support/check.h"

static void check_parts(const char *text, struct resource_uri wanted)
{
	struct resource_uri uri;
	memset(&uri, 0xff, sizeof(uri));
	check_ok(resource_uri_parse(text, &uri, &em));
	assert_string_equal(wanted.host, uri.host);
	assert_string_equal(wanted.plugin, uri.plugin);
	assert_string_equal(wanted.path, uri.path);
	assert_string_equal(wanted.query, uri.query);
}

static void takes_a_uri_apart(void **state)
{
	(void)state;
	check_parts("kbs:///a/b/c", (struct resource_uri){ .plugin = "resource", .path = "a/b/c" });
	check_parts("kbs://kbs.example/default/image/key_1.v2-x",
		    (struct resource_uri){
			    .host = "kbs.example", .plugin = "resource", .path = "default/image/key_1.v2-x" });
	check_parts("kbs://127.0.0.1:8080/a/b/c",
		    (struct resource_uri){ .host = "127.0.0.1:8080", .plugin = "resource", .path = "a/b/c" });
	check_parts("kbs://[::1]:65535/a/b/c",
		    (struct resource_uri){ .host = "[::1]:65535", .plugin = "resource", .path = "a/b/c" });
	check_parts("kbs://[fe80::1]/a/b/c",
		    (struct resource_uri){ .host = "[fe80::1]", .plugin = "resource", .path = "a/b/c" });
	check_parts("kbs+pkcs11:///wrap-key?name=a%20b&x=1",
		    (struct resource_uri){ .plugin = "pkcs11", .path = "wrap-key", .query = "name=a%20b&x=1" });
	check_parts("kbs+nebula-ca://h:1/a/b/c/d/e",
		    (struct resource_uri){ .host = "h:1", .plugin = "nebula-ca", .path = "a/b/c/d/e" });
	check_parts("kbs+resource:///a/b/c", (struct resource_uri){ .plugin = "resource", .path = "a/b/c" });
}

static void says_which_part_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *part;
	} wrong[] = {
		{ "", "kbs://" },
		{ "kbs:", "kbs://" },
		{ "http://a/b/c", "kbs://" },
		{ "KBS:///a/b/c", "kbs://" },
		{ " kbs:///a/b/c", "kbs://" },
		{ "kbsx:///a/b/c", "kbs" },
		{ "kbs+:///a/b/c", "kbs+plugin" },
		{ "kbs+a/b:///a/b/c", "kbs+plugin" },
		{ "kbs://", "path" },
		{ "kbs:///", "path" },
		{ "kbs:///a", "path" },
		{ "kbs:///a/b", "path" },
		{ "kbs:///a/b/c/d", "path" },
		{ "kbs:///a//c", "path" },
		{ "kbs:////b/c", "path" },
		{ "kbs:///a/b/", "path" },
		{ "kbs:///a/../c", "path" },
		{ "kbs:///./b/c", "path" },
		{ "kbs:///a/.hidden/c", "path" },
		{ "kbs:///a/b/%63", "path" },
		{ "kbs:///a/b/c d", "path" },
		{ "kbs:///a/b/c\n", "path" },
		{ "kbs:///a/b/\xc3\xa4", "path" },
		{ "kbs:///a\\b/b/c", "path" },
		{ "kbs://user@host/a/b/c", "host" },
		{ "kbs://host:/a/b/c", "host" },
		{ "kbs://host:0/a/b/c", "host" },
		{ "kbs://host:65536/a/b/c", "host" },
		{ "kbs://host:080808/a/b/c", "host" },
		{ "kbs://host:8x/a/b/c", "host" },
		{ "kbs://:80/a/b/c", "host" },
		{ "kbs://-h/a/b/c", "host" },
		{ "kbs://.h/a/b/c", "host" },
		{ "kbs://[::1/a/b/c", "host" },
		{ "kbs://[]/a/b/c", "host" },
		{ "kbs://[::1]x/a/b/c", "host" },
		{ "kbs://[::g]/a/b/c", "host" },
		{ "kbs://h h/a/b/c", "host" },
		{ "kbs:///a/b/c?", "query" },
		{ "kbs:///a/b/c?x=1", "query" },
		{ "kbs+p:///a?", "query" },
		{ "kbs+p:///a?a b", "query" },
		{ "kbs+p:///a?a#b", "query" },
		{ "kbs:///a/b/c#x", "fragment" },
		{ "kbs+p:///", "path" },
		{ "kbs+p:///a/../b", "path" },
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct resource_uri uri = { .path = "untouched" };
		em.text[0] = '\0';
		enum err e = resource_uri_parse(wrong[i].text, &uri, &em);
		if (e != ERR_PARSE || !strstr(em.text, wrong[i].part))
			fail_msg("\"%s\": %s: %s", wrong[i].text, err_name(e), em.text);
		assert_string_equal("untouched", uri.path);
	}
}

static void bounds_every_part(void **state)
{
	(void)state;
	char segment[257];
	char text[4096];
	struct resource_uri uri;
	memset(segment, 'a', sizeof(segment) - 1);
	segment[256] = '\0';
	snprintf(text, sizeof(text), "kbs:///%.255s/%.255s/%.255s", segment, segment, segment);
	check_ok(resource_uri_parse(text, &uri, &em));
	assert_int_equal(3 * 255 + 2, strlen(uri.path));
	snprintf(text, sizeof(text), "kbs:///a/b/%.256s", segment);
	check_err(ERR_PARSE, resource_uri_parse(text, &uri, &em));
	snprintf(text, sizeof(text), "kbs://%.255s/a/b/c", segment);
	check_ok(resource_uri_parse(text, &uri, &em));
	snprintf(text, sizeof(text), "kbs://%.256s/a/b/c", segment);
	check_err(ERR_PARSE, resource_uri_parse(text, &uri, &em));
	snprintf(text, sizeof(text), "kbs+%.64s:///a", segment);
	check_err(ERR_PARSE, resource_uri_parse(text, &uri, &em));
	snprintf(text, sizeof(text), "kbs+p:///%.255s/%.255s/%.255s/%.255s", segment, segment, segment, segment);
	check_err(ERR_PARSE, resource_uri_parse(text, &uri, &em));
	snprintf(text, sizeof(text), "kbs+p:///a?%.255s%.255s%.2s", segment, segment, segment);
	check_err(ERR_PARSE, resource_uri_parse(text, &uri, &em));
}

static void takes_labels_on_demand(void **state)
{
	(void)state;
	struct resource_uri uri;
	check_ok(resource_uri_parse_label("repo/type/tag", &uri, &em));
	assert_string_equal("repo/type/tag", uri.path);
	assert_string_equal("resource", uri.plugin);
	assert_string_equal("", uri.host);
	check_ok(resource_uri_parse_label("kbs:///a/b/c", &uri, &em));
	assert_string_equal("a/b/c", uri.path);
	check_err(ERR_PARSE, resource_uri_parse_label("image-key", &uri, &em));
	check_err(ERR_PARSE, resource_uri_parse_label("a/b", &uri, &em));
	check_err(ERR_PARSE, resource_uri_parse_label("/a/b/c", &uri, &em));
	check_err(ERR_PARSE, resource_uri_parse_label("", &uri, &em));
	check_err(ERR_PARSE, resource_uri_parse_label("http:///a/b/c", &uri, &em));
	check_err(ERR_PARSE, resource_uri_parse("repo/type/tag", &uri, &em));
}

static void tells_a_server_which_paths_are_safe(void **state)
{
	(void)state;
	static const char *const good[] = { "a/b/c", "default/image/key", "_/-/0", "a.b/c..d/e." };
	static const char *const wrong[] = { "",        "/",          "a",       "a/b",      "a/b/c/d", "/a/b/c",
					     "a/b/c/",  "a//c",       "../b/c",  "a/../c",   "a/b/..",  ".a/b/c",
					     "a/b/c?d", "a/b/%2e%2e", "a/b/c\n", "a\\b/c/d", "a/b/c:d", "a b/c/d" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(resource_path_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(resource_path_valid(wrong[i]));
}

static void prints_without_the_query(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "kbs:///a/b/c", "kbs:///a/b/c" },
		{ "kbs://h:80/a/b/c", "kbs://h:80/a/b/c" },
		{ "kbs+p://h/a?password=hunter2", "kbs+p://h/a" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct resource_uri uri;
		char text[2048];
		check_ok(resource_uri_parse(pairs[i][0], &uri, &em));
		resource_uri_format(&uri, text, sizeof(text));
		assert_string_equal(pairs[i][1], text);
		char small[8];
		resource_uri_format(&uri, small, sizeof(small));
		assert_int_equal(7, strlen(small));
	}
	struct resource_uri uri;
	check_err(ERR_PARSE, resource_uri_parse("kbs+p://h/../a?password=hunter2", &uri, &em));
	assert_null(strstr(em.text, "hunter2"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_uri_apart),
		cmocka_unit_test(says_which_part_is_wrong),
		cmocka_unit_test(bounds_every_part),
		cmocka_unit_test(takes_labels_on_demand),
		cmocka_unit_test(tells_a_server_which_paths_are_safe),
		cmocka_unit_test(prints_without_the_query),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
