#include "tests/unit/image/layout_fixture.h"

#include "image/archive.h"
#include "image/docker_archive_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* ustar, as little of it as a reader must have. */
static void header_put(uint8_t block[512], const char *name, char type, long long size)
{
	unsigned sum = 0;
	char field[24];
	memset(block, 0, 512);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 7);
	snprintf(field, sizeof field, "%011llo", size);
	memcpy(block + 124, field, 11);
	memcpy(block + 136, "00000000000", 11);
	block[156] = (uint8_t)type;
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += block[i];
	snprintf(field, sizeof field, "%06o", sum & 0777777);
	memcpy(block + 148, field, 7);
}

/* A file of 7 GiB, a hole but for its header, and one behind it. */
static void finds_what_lies_behind_gigabytes(void **state)
{
	const struct fixture *f = *state;
	const long long large = 7LL << 30;
	const char *path = text("%s/large.tar", f->root);
	uint8_t block[512];
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	header_put(block, "large", '0', large);
	assert_int_equal(fwrite(block, 1, 512, to), 512);
	assert_int_equal(fseeko(to, 512 + large, SEEK_SET), 0);
	header_put(block, "small", '0', 5);
	assert_int_equal(fwrite(block, 1, 512, to), 512);
	fputs("hello", to);
	assert_int_equal(fflush(to), 0);
	assert_int_equal(ftruncate(fileno(to), 512 + large + 3 * 512), 0);
	fclose(to);
	AUTO(archive) *a = NULL;
	AUTO_BUF
	got = { 0 };
	struct file_part file;
	assert_int_equal(archive_open(path, &a, NULL), OK);
	assert_int_equal(archive_find(a, "./small", ARCHIVE_NO_LINKS, &file, NULL), OK);
	assert_int_equal(archive_read(a, &file, 100, &got, NULL), OK);
	assert_string_equal(buf_cstr(&got), "hello");
	assert_int_equal(archive_read(a, &file, 4, &got, NULL), ERR_LIMIT);
	assert_int_equal(archive_find(a, "large", ARCHIVE_NO_LINKS, &file, NULL), OK);
	assert_int_equal(file.size, large);
	assert_int_equal(archive_read(a, &file, 100, &got, NULL), ERR_LIMIT);
	assert_int_equal(archive_find(a, "larg", ARCHIVE_NO_LINKS, &file, NULL), ERR_NOT_FOUND);
}

static void a_stream_outlives_its_archive(void **state)
{
	const struct fixture *f = *state;
	uint8_t all[5 * 512] = { 0 };
	struct archive *a = NULL;
	AUTO(stream) *from = NULL;
	struct file_part file;
	uint8_t got[8];
	size_t n = 0;
	header_put(all, "a", '0', 3);
	memcpy(all + 512, "abc", 3);
	put_file(text("%s/x.tar", f->root), BYTES(all));
	assert_int_equal(archive_open(text("%s/x.tar", f->root), &a, NULL), OK);
	assert_int_equal(archive_find(a, "a", ARCHIVE_NO_LINKS, &file, NULL), OK);
	assert_int_equal(archive_stream(a, &file, &from, NULL), OK);
	archive_free(a);
	assert_int_equal(stream_read(from, (struct stream_window){ got, sizeof got }, &n, NULL), OK);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(stream_read(from, (struct stream_window){ got, sizeof got }, &n, NULL), OK);
	assert_int_equal(n, 0);
}

/* The configuration's name of the image that is meant; an error's name. */
static const char *chosen(const char *json, const char *name)
{
	struct docker_archive_name wanted;
	AUTO_OF(json_object) *list = NULL;
	struct saved_image image;
	enum err e = docker_archive_name_parse(name, &wanted, NULL);
	if (e == OK)
		e = docker_archive_choose(bytes_str(json), &wanted, &list, &image, NULL);
	const char *result = e == OK ? text("%s", image.config) : err_name(e);
	docker_archive_name_clear(&wanted);
	return result;
}

static void an_image_of_a_list_is_found(void **state)
{
	static const char one[] = "[{\"Config\":\"c\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"l\"]}]";
	static const char two[] =
		"[{\"Config\":\"c\",\"RepoTags\":[\"app:1\",\"x.y/app\"],\"Layers\":[],\"Parent\":\"\"},"
		"{\"Config\":\"d\",\"RepoTags\":null,\"Layers\":null}]";
	static const struct {
		const char *list, *name, *want;
	} cases[] = {
		{ one, "p", "c" },
		{ one, "p:app:1", "c" },
		{ one, "p:docker.io/library/app:1", "c" },
		{ one, "p:app", "not-found" },
		{ one, "p:@0", "c" },
		{ one, "p:@1", "not-found" },
		{ one, "p:@", "argument" },
		{ one, "p:@-1", "argument" },
		{ one, "p:", "argument" },
		{ one, ":app:1", "argument" },
		{ one, "p:App:1", "argument" },
		{ two, "p", "argument" },
		{ two, "p:x.y/app:latest", "c" },
		{ two, "p:@1", "d" },
		{ "[]", "p", "not-found" },
		{ "{}", "p", "malformed" },
		{ "null", "p", "malformed" },
		{ "[1]", "p", "malformed" },
		{ "[1]", "p:app:1", "malformed" },
		{ "[{}]", "p", "malformed" },
		{ "[{\"Config\":1}]", "p", "malformed" },
		{ "[{\"Config\":\"c\",\"config\":\"d\"}]", "p", "malformed" },
		{ "[{\"Config\":\"c\",\"Layers\":[1]}]", "p", "malformed" },
		{ "[{\"Config\":\"c\",\"Layers\":{}}]", "p", "malformed" },
		{ "[{\"Config\":\"c\",\"RepoTags\":[1]}]", "p:app:1", "malformed" },
		{ "[{\"Config\":\"c\",\"RepoTags\":[\"A b\"]}]", "p:app:1", "malformed" },
		{ "[{\"Config\":\"c\",\"RepoTags\":[\"a\"]},{\"Config\":\"d\",\"RepoTags\":[\"a\"]}]", "p:a",
		  "malformed" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = chosen(cases[i].list, cases[i].name);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s of %s: %s, want %s", cases[i].name, cases[i].list, got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_what_lies_behind_gigabytes, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_stream_outlives_its_archive, fixture_setup, fixture_teardown),
		cmocka_unit_test(an_image_of_a_list_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
