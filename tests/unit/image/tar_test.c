/* Archives that are read: sparse files in every format, and what readers would take differently. */
#include "tests/unit/image/tar_fixture.h"

static struct tar *tar;
static const struct tar_entry *entry;

static enum err reads(void)
{
	static const uint8_t end[2 * TAR_BLOCK];
	struct stream *stream = NULL;
	enum err e;
	tar_free(steal(&tar));
	tar_add(end, sizeof end);
	assert_int_equal(stream_from_bytes(buf_bytes(&tar_made), &stream, &em), OK);
	assert_int_equal(tar_open(stream, &tar, &em), OK);
	e = tar_next(tar, &entry, &em);
	if (e != OK)
		buf_clear(&tar_made);
	return e;
}

static int tear_down(void **state)
{
	(void)state;
	tar_free(steal(&tar));
	buf_clear(&tar_made);
	return 0;
}

#define RECORDS(flag, ...) tar_records((flag), (const char *const[]){ __VA_ARGS__, NULL })

/* `pairs` numbers of GNU's own header, from `at` on. */
static void own_map(size_t at, const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		snprintf((char *)tar_block + at + i * 12, 12, "%011llo", (unsigned long long)numbers[i]);
}

static void is_read(int64_t size, int64_t stored, size_t segments)
{
	assert_non_null(entry);
	assert_int_equal(entry->type, TAR_FILE);
	assert_true(entry->sparse);
	assert_int_equal(entry->size, size);
	assert_int_equal(entry->stored, stored);
	assert_int_equal(entry->map.count, segments);
	/* What follows is found. */
	check_ok(tar_next(tar, &entry, &em));
	assert_non_null(entry);
	assert_string_equal(entry->path, "next");
	buf_clear(&tar_made);
}

static void own(const uint64_t *numbers, size_t count, uint64_t size, size_t stored)
{
	static const uint8_t contents[4 * TAR_BLOCK];
	tar_header('S', "sparse", stored);
	own_map(386, numbers, count);
	snprintf((char *)tar_block + 483, 12, "%011llo", (unsigned long long)size);
	tar_seal();
	tar_add(contents, stored);
	tar_file("next", "x");
}

static void sparse_files_of_gnus_own_are_read(void **state)
{
	(void)state;
	own((uint64_t[]){ 0, 512, 4096, 100 }, 4, 8192, 612);
	check_ok(reads());
	assert_int_equal(entry->map.segments[1].at, 4096);
	assert_int_equal(entry->map.segments[1].len, 100);
	is_read(8192, 612, 2);
	/* More of the map in blocks of its own. */
	tar_header('S', "sparse", 512);
	own_map(386, (uint64_t[]){ 0, 0, 1, 0, 2, 0, 3, 0 }, 8);
	snprintf((char *)tar_block + 483, 12, "%011o", 99999);
	tar_block[482] = 1;
	tar_seal();
	memset(tar_block, 0, sizeof tar_block);
	for (size_t i = 0; i < 21; i++)
		own_map(i * 24, (uint64_t[]){ 10 + i, 0 }, 2);
	tar_block[504] = 1;
	tar_add(tar_block, sizeof tar_block);
	memset(tar_block, 0, sizeof tar_block);
	own_map(0, (uint64_t[]){ 40, 512 }, 2);
	tar_add(tar_block, sizeof tar_block);
	tar_add(tar_block, sizeof tar_block);
	tar_file("next", "x");
	check_ok(reads());
	is_read(99999, 512, 26);
}

static void sparse_files_of_pax_are_read(void **state)
{
	(void)state;
	static const uint8_t contents[TAR_BLOCK];
	RECORDS('x', "GNU.sparse.size=9000", "GNU.sparse.numblocks=2", "GNU.sparse.offset=0", "GNU.sparse.numbytes=512",
		"GNU.sparse.offset=9000", "GNU.sparse.numbytes=0");
	tar_header('0', "sparse", 512);
	tar_seal();
	tar_add(contents, sizeof contents);
	tar_file("next", "x");
	check_ok(reads());
	is_read(9000, 512, 2);
	RECORDS('x', "GNU.sparse.size=9000", "GNU.sparse.numblocks=1", "GNU.sparse.name=real", "GNU.sparse.map=7,512");
	tar_header('0', "stand-in", 512);
	tar_seal();
	tar_add(contents, sizeof contents);
	tar_file("next", "x");
	check_ok(reads());
	assert_string_equal(entry->path, "real");
	is_read(9000, 512, 1);
	RECORDS('x', "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=9000", "GNU.sparse.name=real");
	tar_header('0', "stand-in", 1024);
	tar_seal();
	tar_add("1\n7\n512\n", 8);
	tar_add(contents, sizeof contents);
	tar_file("next", "x");
	check_ok(reads());
	assert_string_equal(entry->path, "real");
	is_read(9000, 512, 1);
}

static void maps_that_lie_are_refused(void **state)
{
	(void)state;
	const struct {
		enum err e;
		uint64_t numbers[4], size;
		size_t stored;
	} lies[] = {
		{ ERR_PARSE, { 0, 512, 100, 512 }, 8192, 1024 }, /* overlap */
		{ ERR_PARSE, { 4096, 512, 0, 512 }, 8192, 1024 }, /* go back */
		{ ERR_PARSE, { 0, 512, 8000, 512 }, 8192, 1024 }, /* behind the end */
		{ ERR_PARSE, { 9000, 0, 9000, 0 }, 8192, 0 },
		{ ERR_PARSE, { 0, 512, 4096, 512 }, 8192, 512 }, /* more than is stored */
		{ ERR_PARSE, { 0, 512, 4096, 0 }, 8192, 1024 }, /* less */
		{ ERR_PARSE, { 077777777777, 077777777777, 0, 0 }, 8192, 512 },
		{ ERR_UNSUPPORTED, { 0, 100, 4096, 100 }, 8192, 200 }, /* where does the second begin? */
	};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		own(lies[i].numbers, 4, lies[i].size, lies[i].stored);
		check_err(lies[i].e, reads());
		assert_true(strstr(em.text, "sparse: ") != NULL); /* it names the file */
	}
	/* A sum that would wrap around: in base 256. */
	own((uint64_t[]){ 0, 512, 4096, 0 }, 4, 8192, 512);
	buf_clear(&tar_made);
	tar_header('S', "sparse", 512);
	own_map(386, (uint64_t[]){ 0, 512, 512 }, 3);
	memset(tar_block + 386 + 36, 0xff, 12);
	tar_block[386 + 36] = 0x80;
	snprintf((char *)tar_block + 483, 12, "%011o", 8192);
	tar_seal();
	check_err(ERR_PARSE, reads());
	/* Blocks of a map without end, and with nothing in them. */
	tar_header('S', "sparse", 0);
	tar_block[482] = 1;
	tar_seal();
	memset(tar_block, 0, sizeof tar_block);
	tar_block[504] = 1;
	tar_add(tar_block, sizeof tar_block);
	check_err(ERR_PARSE, reads());
}

static void pax_maps_that_lie_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum err e;
		const char *records[8], *contents;
	} lies[] = {
		{ ERR_PARSE, { "GNU.sparse.map=0,512" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=0" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=0,1,", "GNU.sparse.numblocks=1" }, "x" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=,0" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=0,-1" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=0,1", "GNU.sparse.map=0,1" }, "x" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.map=0,1", "GNU.sparse.numblocks=2" }, "x" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.numbytes=1" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.offset=1", "GNU.sparse.offset=1" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=-9" }, "" },
		{ ERR_PARSE, { "GNU.sparse.size=9", "GNU.sparse.name=" }, "" },
		{ ERR_UNSUPPORTED, { "GNU.sparse.size=9", "GNU.sparse.major=2", "GNU.sparse.minor=0" }, "" },
		{ ERR_UNSUPPORTED, { "GNU.sparse.size=9", "GNU.sparse.minor=1" }, "" },
		{ ERR_UNSUPPORTED, { "GNU.sparse.size=9", "GNU.sparse.new=1" }, "" },
		{ ERR_PARSE, { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" }, "" },
		{ ERR_PARSE, { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" }, "1\n" },
		{ ERR_PARSE, { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" }, "1\n\n0\n" },
		{ ERR_PARSE, { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" }, "x" },
		{ ERR_PARSE,
		  { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" },
		  "1\n0\n99999999999999999999\n" },
		{ ERR_LIMIT, { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0" }, "262145\n" },
		{ ERR_PARSE,
		  { "GNU.sparse.realsize=9", "GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.map=0,0" },
		  "0\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		tar_records('x', lies[i].records);
		tar_header('0', "sparse",
			   strlen(lies[i].contents) == 1 ? 1 : (strlen(lies[i].contents) + 511) / 512 * 512);
		tar_seal();
		tar_add(lies[i].contents, strlen(lies[i].contents));
		check_err(lies[i].e, reads());
	}
	RECORDS('x', "GNU.sparse.size=0");
	tar_folder("sparse");
	check_err(ERR_PARSE, reads());
	RECORDS('x', "GNU.sparse.size=0");
	own((uint64_t[]){ 0, 0 }, 2, 0, 0);
	check_err(ERR_PARSE, reads());
}

static void what_readers_would_take_differently_is_refused(void **state)
{
	(void)state;
	RECORDS('x', "path=one");
	tar_header('L', "././@LongLink", 4);
	tar_seal();
	tar_add("two", 4);
	tar_file("three", "");
	check_err(ERR_PARSE, reads());
	assert_non_null(strstr(em.text, "differ in its path"));
	RECORDS('x', "path=one");
	tar_header('L', "././@LongLink", 4);
	tar_seal();
	tar_add("one", 4);
	tar_file("three", "");
	check_ok(reads());
	assert_string_equal(entry->path, "one");
	buf_clear(&tar_made);
	static const char *const global[] = { "path=x", "linkpath=x", "size=1", "SCHILY.xattr.user.x=1",
					      "GNU.sparse.size=1" };
	for (size_t i = 0; i < ARRAY_LEN(global); i++) {
		RECORDS('g', global[i]);
		tar_file("x", "");
		check_err(ERR_UNSUPPORTED, reads());
	}
	RECORDS('g', "comment=x", "uid=7", "mtime=5");
	tar_file("x", "");
	check_ok(reads());
	assert_int_equal(entry->uid, 7);
	assert_int_equal(entry->mtime.tv_sec, 5);
	buf_clear(&tar_made);
	/* Are those contents, or the next header? */
	tar_file("folder/", "contents");
	check_err(ERR_PARSE, reads());
	tar_file("", "contents");
	check_err(ERR_PARSE, reads());
	RECORDS('x', "path=one");
	check_err(ERR_PARSE, reads());
	assert_non_null(strstr(em.text, "without its entry"));
}

/* What is no file has nothing behind its header. */
static void sizes_of_what_is_no_file_do_not_count(void **state)
{
	(void)state;
	tar_header('5', "folder", 1024);
	tar_seal();
	tar_file("next", "x");
	check_ok(reads());
	assert_int_equal(entry->type, TAR_DIRECTORY);
	assert_int_equal(entry->size, 0);
	check_ok(tar_next(tar, &entry, &em));
	assert_string_equal(entry->path, "next");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sparse_files_of_gnus_own_are_read),
		TEST(sparse_files_of_pax_are_read),
		TEST(maps_that_lie_are_refused),
		TEST(pax_maps_that_lie_are_refused),
		TEST(what_readers_would_take_differently_is_refused),
		TEST(sizes_of_what_is_no_file_do_not_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
