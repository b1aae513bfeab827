#include "image/layout.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum err parse(const char *rest, struct layout_name *name)
{
	return layout_name_parse(rest, name, NULL);
}

static void splits_folder_and_tag_at_the_first_colon(void **state)
{
	(void)state;
	struct layout_name name;
	assert_int_equal(parse("/a/b:v1.0", &name), OK);
	assert_string_equal(name.dir, "/a/b");
	assert_string_equal(name.tag, "v1.0");
	assert_int_equal(name.place, -1);
	layout_name_clear(&name);

	assert_int_equal(parse("dir:host:5000/ns/app:v1@x--y+z", &name), OK);
	assert_string_equal(name.dir, "dir");
	assert_string_equal(name.tag, "host:5000/ns/app:v1@x--y+z");
	layout_name_clear(&name);
}

static void takes_a_name_without_tag_and_one_by_place(void **state)
{
	(void)state;
	struct layout_name name;
	assert_int_equal(parse("dir", &name), OK);
	assert_null(name.tag);
	assert_int_equal(name.place, -1);
	layout_name_clear(&name);

	assert_int_equal(parse("dir:@12", &name), OK);
	assert_null(name.tag);
	assert_int_equal(name.place, 12);
	layout_name_clear(&name);
}

static void refuses_names_that_cannot_be(void **state)
{
	(void)state;
	static const char *const bad[] = { "",          ":tag",      "dir:",     "dir:a b", "dir:-a",
					   "dir:a-",    "dir:a..b",  "dir:a//b", "dir:/a",  "dir:a/",
					   "dir:a---b", "dir:@",     "dir:@-1",  "dir:@1x", "dir:@9999999999",
					   "dir:\n",    "dir:a\x7f", "dir:../x" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct layout_name name;
		enum err e = parse(bad[i], &name);
		if (e != ERR_ARG)
			print_error("\"%s\" was taken\n", bad[i]);
		assert_int_equal(e, ERR_ARG);
	}
}

static void says_which_transports_there_are(void **state)
{
	(void)state;
	struct image_source *s = NULL;
	struct errmsg em;
	assert_int_equal(image_source_open("docker-daemon:x", NULL, &s, &em), ERR_UNSUPPORTED);
	assert_non_null(strstr(em.text, "docker-daemon"));
	assert_int_equal(image_source_open("docker:x", NULL, &s, &em), ERR_ARG);
	assert_int_equal(image_source_open("docker://X", NULL, &s, &em), ERR_ARG);
	assert_int_equal(image_source_open("docket://x/y", NULL, &s, &em), ERR_ARG);
	assert_int_equal(image_source_open("x", NULL, &s, &em), ERR_ARG);
	assert_null(s);
}

static void refuses_digests_that_are_none(void **state)
{
	(void)state;
	static const char good[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const bad[] = {
		"",
		"sha256:",
		"sha256:0123",
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
		"sha256:../3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"../sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"md5:0123456789abcdef0123456789abcdef",
	};
	char path[DIGEST_PATH_SIZE];
	assert_int_equal(digest_path(good, path, NULL), OK);
	assert_string_equal(path, "blobs/sha256/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(digest_path(bad[i], path, NULL), ERR_PARSE);
}

static void knows_the_digests_of_abc(void **state)
{
	(void)state;
	/* FIPS 180-4, the examples that NIST publishes with it */
	static const char *const of_abc[] = {
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha384:"
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		"sha512:"
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
		"454d4423643ce80e2a9ac94fa54ca49f",
	};
	for (size_t i = 0; i < ARRAY_LEN(of_abc); i++) {
		assert_int_equal(digest_verify(bytes_str("abc"), of_abc[i], NULL), OK);
		assert_int_equal(digest_verify(bytes_str("abd"), of_abc[i], NULL), ERR_INTEGRITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_folder_and_tag_at_the_first_colon),
		cmocka_unit_test(takes_a_name_without_tag_and_one_by_place),
		cmocka_unit_test(refuses_names_that_cannot_be),
		cmocka_unit_test(says_which_transports_there_are),
		cmocka_unit_test(refuses_digests_that_are_none),
		cmocka_unit_test(knows_the_digests_of_abc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
