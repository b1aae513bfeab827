#include "tests/support/check.h"

#include "kbs/storage.h"
#include "tests/unit/kbs/memory_kbs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

static char dir[64];
static struct storage *storage;
static bool by_segments;

static int open_it(void **state)
{
	(void)state;
	check_folder_make(dir);
	struct storage_options options = { "file", dir, 1000, by_segments };
	return storage_open(&options, &storage, NULL) == OK ? 0 : -1;
}

static int setup(void **state)
{
	by_segments = false;
	return open_it(state);
}

static int setup_by_segments(void **state)
{
	by_segments = true;
	return open_it(state);
}

static int teardown(void **state)
{
	(void)state;
	storage_free(storage);
	folder_delete(dir);
	return 0;
}

static void put(const char *path, const char *text)
{
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str(text), &s, &em));
	check_ok(storage_write(storage, path, s, &em));
}

static void holds(const char *path, const char *text)
{
	AUTO(secret) *s = NULL;
	check_ok(storage_read(storage, path, &s, &em));
	check_bytes(bytes_str(text), secret_bytes(s));
}

static void lacks(enum err wanted, const char *path)
{
	AUTO(secret) *s = NULL;
	check_err(wanted, storage_read(storage, path, &s, &em));
	assert_null(s);
}

/* "DIR/path" */
static const char *at(const char *path)
{
	static char whole[300];
	snprintf(whole, sizeof(whole), "%s/%s", dir, path);
	return whole;
}

static void gives_back_what_was_written(void **state)
{
	(void)state;
	put("a/b/c", "one");
	put("a/b/d", "");
	holds("a/b/c", "one");
	holds("a/b/d", "");
	put("a/b/c", "two");
	holds("a/b/c", "two");
}

static void forgets_what_was_deleted(void **state)
{
	(void)state;
	put("a/b/c", "one");
	check_ok(storage_delete(storage, "a/b/c", &em));
	lacks(ERR_NOT_FOUND, "a/b/c");
	check_err(ERR_NOT_FOUND, storage_delete(storage, "a/b/c", &em));
	check_err(ERR_NOT_FOUND, storage_delete(storage, "x/y/z", &em));
}

static void says_what_is_not_there(void **state)
{
	(void)state;
	put("a/b/c", "one");
	lacks(ERR_NOT_FOUND, "x/y/z");
	lacks(ERR_NOT_FOUND, "a/y/z");
	lacks(ERR_NOT_FOUND, "a/b/z");
}

static void refuses_paths_that_lead_elsewhere(void **state)
{
	(void)state;
	static const char *const paths[] = { "",        "a",        "a/b",      "a/b/c/d",   "../b/c", "a/../c",
					     "a/b/..",  "./b/c",    "/a/b/c",   "a//c",      "a/b/",   "a/b/.new-x",
					     "a/b/c\n", "a/b/c%00", "a\\b/b/c", "a/b/c/../d" };
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str("x"), &s, &em));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		lacks(ERR_PARSE, paths[i]);
		check_err(ERR_PARSE, storage_write(storage, paths[i], s, &em));
		check_err(ERR_PARSE, storage_delete(storage, paths[i], &em));
	}
}

static void follows_no_symbolic_link(void **state)
{
	(void)state;
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str("x"), &s, &em));
	put("a/b/c", "one");
	assert_int_equal(symlink("/etc/hostname", at("a/b/link")), 0);
	assert_int_equal(symlink("c", at("a/b/inside")), 0);
	assert_int_equal(symlink("a", at("r")), 0);
	assert_int_equal(symlink("b", at("a/t")), 0);
	lacks(ERR_IO, "a/b/link");
	lacks(ERR_IO, "a/b/inside");
	AUTO(secret) *out = NULL;
	assert_int_not_equal(storage_read(storage, "r/b/c", &out, &em), OK);
	assert_int_not_equal(storage_read(storage, "a/t/c", &out, &em), OK);
	assert_int_not_equal(storage_write(storage, "r/b/c", s, &em), OK);
	assert_int_not_equal(storage_write(storage, "a/t/c", s, &em), OK);
	holds("a/b/c", "one");
	/* Writing over a link replaces the link, not what it points to. */
	put("a/b/inside", "two");
	holds("a/b/inside", "two");
	holds("a/b/c", "one");
}

static void reads_regular_files_only(void **state)
{
	(void)state;
	put("a/b/c", "one");
	assert_int_equal(mkfifo(at("a/b/pipe"), 0600), 0);
	assert_int_equal(mkdir(at("a/b/folder"), 0700), 0);
	lacks(ERR_IO, "a/b/pipe");
	lacks(ERR_IO, "a/b/folder");
}

static void closes_files_and_folders_to_others(void **state)
{
	(void)state;
	struct stat st;
	mode_t before = umask(0);
	put("a/b/c", "one");
	umask(before);
	assert_int_equal(stat(at("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(at("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void refuses_a_folder_that_others_may_look_into(void **state)
{
	(void)state;
	struct storage *other = NULL;
	struct storage_options options = { "file", dir, 1000, false };
	assert_int_equal(chmod(dir, 0750), 0);
	check_err(ERR_CONFIG, storage_open(&options, &other, &em));
	assert_int_equal(chmod(dir, 0700), 0);
	options.path = "/nonexistent/folder";
	check_err(ERR_CONFIG, storage_open(&options, &other, &em));
	options.kind = "vault";
	check_err(ERR_CONFIG, storage_open(&options, &other, &em));
}

static void bounds_the_size(void **state)
{
	(void)state;
	AUTO(secret) *s = NULL;
	check_ok(secret_new(1001, &s, &em));
	check_err(ERR_LIMIT, storage_write(storage, "a/b/c", s, &em));
	lacks(ERR_NOT_FOUND, "a/b/c");
	secret_truncate(s, 1000);
	check_ok(storage_write(storage, "a/b/c", s, &em));
}

static void leaves_nothing_behind_where_a_write_fails(void **state)
{
	(void)state;
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str("x"), &s, &em));
	assert_int_equal(close(open(at("a"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	check_err(ERR_IO, storage_write(storage, "a/b/c", s, &em));
	assert_int_equal(check_folder_count(dir), 1);
}

static void clears_what_a_crash_left(void **state)
{
	(void)state;
	struct storage *again = NULL;
	struct storage_options options = { "file", dir, 1000, false };
	put("a/b/c", "one");
	assert_int_equal(close(open(at(".new-0123"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	check_ok(storage_open(&options, &again, &em));
	storage_free(again);
	assert_int_equal(check_folder_count(dir), 1);
	holds("a/b/c", "one");
}

static atomic_bool stop;

static void *rewrite(void *unused)
{
	(void)unused;
	struct secret *small = NULL;
	struct secret *large = NULL;
	if (secret_new(10, &small, NULL) != OK || secret_new(1000, &large, NULL) != OK)
		abort();
	memset(secret_data(small), 's', 10);
	memset(secret_data(large), 'l', 1000);
	for (bool which = false; !atomic_load(&stop); which = !which)
		if (storage_write(storage, "a/b/c", which ? small : large, NULL) != OK)
			abort();
	secret_free(small);
	secret_free(large);
	return NULL;
}

static void shows_a_reader_the_old_or_the_new_one(void **state)
{
	(void)state;
	pthread_t writers[2];
	put("a/b/c", "ssssssssss");
	atomic_store(&stop, false);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		assert_int_equal(pthread_create(&writers[i], NULL, rewrite, NULL), 0);
	for (int i = 0; i < 300; i++) {
		AUTO(secret) *s = NULL;
		check_ok(storage_read(storage, "a/b/c", &s, &em));
		char wanted = secret_len(s) == 10 ? 's' : 'l';
		assert_true(secret_len(s) == 10 || secret_len(s) == 1000);
		assert_int_equal(secret_data(s)[0], wanted);
		assert_int_equal(secret_data(s)[secret_len(s) - 1], wanted);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_LEN(writers); i++)
		pthread_join(writers[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BOTH(name)                                                                                                \
	{ #name, name, setup, teardown, NULL },                                                                        \
	{                                                                                                              \
#name " (by segments)", name, setup_by_segments, teardown, NULL                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(gives_back_what_was_written),
		TEST(forgets_what_was_deleted),
		TEST_BOTH(says_what_is_not_there),
		TEST_BOTH(refuses_paths_that_lead_elsewhere),
		TEST_BOTH(follows_no_symbolic_link),
		TEST_BOTH(reads_regular_files_only),
		TEST(closes_files_and_folders_to_others),
		TEST(refuses_a_folder_that_others_may_look_into),
		TEST(bounds_the_size),
		TEST(leaves_nothing_behind_where_a_write_fails),
		TEST(clears_what_a_crash_left),
		TEST(shows_a_reader_the_old_or_the_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
