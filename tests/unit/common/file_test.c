#include "common/file.h"

#include "tests/support/check.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	check_folder_make(folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	check_folder_remove(folder);
	return 0;
}

/* A path in the folder, good until the fourth call after. */
static const char *in_folder(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, struct bytes contents, mode_t mode)
{
	check_ok(file_write_atomic(in_folder(name), contents, (struct file_write){ .mode = mode }, &em));
}

static void check_contents(const char *name, struct bytes wanted)
{
	AUTO_BUF
	open = { 0 };
	AUTO(secret) *closed = NULL;
	check_ok(file_read(in_folder(name), wanted.len, &open, &em));
	check_bytes(wanted, buf_bytes(&open));
	check_ok(file_read_secret(in_folder(name), wanted.len, &closed, &em));
	check_bytes(wanted, secret_bytes(closed));
}

static void brings_every_length_back(void **state)
{
	(void)state;
	static const size_t lengths[] = { 0, 1, 255, 256, 257, 4095, 4096, 4097, 100000 };
	static uint8_t contents[100000];
	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (uint8_t)(i * 7 + (i >> 8));
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		put("file", (struct bytes){ contents, lengths[i] }, 0600);
		check_contents("file", (struct bytes){ contents, lengths[i] });
	}
	assert_int_equal(1, check_folder_count(folder)); /* no temporary file stays */
}

static void gives_just_the_mode_that_was_asked_for(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0600, 0644, 0400, 0666 };
	mode_t before = umask(077);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct stat st;
		put("file", bytes_str("x"), modes[i]);
		assert_int_equal(0, stat(in_folder("file"), &st));
		assert_int_equal(modes[i], st.st_mode & 07777);
	}
	umask(before);
}

static void keeps_what_exists_where_it_is_told_to(void **state)
{
	(void)state;
	struct file_write careful = { .mode = 0600, .keep_existing = true };
	check_ok(file_write_atomic(in_folder("new"), bytes_str("first"), careful, &em));
	check_err(ERR_EXISTS, file_write_atomic(in_folder("new"), bytes_str("second"), careful, &em));
	assert_non_null(strstr(em.text, "/new"));
	check_contents("new", bytes_str("first"));
	put("new", bytes_str("third"), 0600);
	check_contents("new", bytes_str("third"));
	assert_int_equal(1, check_folder_count(folder));
}

static void replaces_a_link_and_not_what_it_points_to(void **state)
{
	(void)state;
	put("target", bytes_str("precious"), 0600);
	assert_int_equal(0, symlink(in_folder("target"), in_folder("link")));
	put("link", bytes_str("new"), 0600);
	check_contents("target", bytes_str("precious"));
	check_contents("link", bytes_str("new"));
}

static void writes_nothing_where_it_cannot(void **state)
{
	(void)state;
	struct file_write how = { .mode = 0600 };
	check_err(ERR_NOT_FOUND, file_write_atomic(in_folder("none/file"), bytes_str("x"), how, &em));
	check_err(ERR_ARG, file_write_atomic(in_folder(""), bytes_str("x"), how, &em));
	put("file", bytes_str("x"), 0600);
	check_err(ERR_NOT_FOUND, file_write_atomic(in_folder("file/file"), bytes_str("x"), how, &em));
	assert_int_equal(0, mkdir(in_folder("sub"), 0700));
	check_err(ERR_IO, file_write_atomic(in_folder("sub"), bytes_str("x"), how, &em));
	rmdir(in_folder("sub"));
	assert_int_equal(1, check_folder_count(folder));
}

static void writes_into_the_current_folder(void **state)
{
	(void)state;
	char before[4096];
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(0, chdir(folder));
	check_ok(file_write_atomic("plain", bytes_str("x"), (struct file_write){ .mode = 0600 }, &em));
	assert_int_equal(0, chdir(before));
	check_contents("plain", bytes_str("x"));
}

static void *write_often(void *arg)
{
	struct errmsg mine;
	intptr_t wrong = 0;
	for (int i = 0; i < 100; i++)
		wrong += file_write_atomic(arg, i % 2 ? bytes_str("aaaaaaaaaaaaaaaa") : bytes_str("bbbb"),
					   (struct file_write){ .mode = 0600 }, &mine) != OK;
	return (void *)wrong;
}

static void shows_nothing_half_written(void **state)
{
	(void)state;
	put("file", bytes_str("bbbb"), 0600);
	char path[128];
	snprintf(path, sizeof(path), "%s", in_folder("file"));
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(0, pthread_create(&threads[i], NULL, write_often, path));
	for (int i = 0; i < 300; i++) {
		AUTO_BUF
		now = { 0 };
		check_ok(file_read(path, 100, &now, &em));
		assert_true(bytes_equal(buf_bytes(&now), bytes_str("bbbb")) ||
			    bytes_equal(buf_bytes(&now), bytes_str("aaaaaaaaaaaaaaaa")));
	}
	for (size_t i = 0; i < 2; i++) {
		void *wrong = NULL;
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_int_equal(1, check_folder_count(folder));
}

static void check_unreadable(enum err wanted, const char *path, size_t max)
{
	AUTO_BUF
	open = { 0 };
	struct secret *closed = NULL;
	check_err(wanted, file_read(path, max, &open, &em));
	assert_non_null(strstr(em.text, path));
	check_err(wanted, file_read_secret(path, max, &closed, &em));
	assert_non_null(strstr(em.text, path));
	assert_int_equal(0, open.len);
	assert_null(closed);
}

static void reads_bounded_regular_files_only(void **state)
{
	(void)state;
	put("file", bytes_str("12345"), 0600);
	check_unreadable(ERR_LIMIT, in_folder("file"), 4);
	check_unreadable(ERR_NOT_FOUND, in_folder("none"), 4);
	check_unreadable(ERR_NOT_FOUND, in_folder("file/none"), 4);
	check_unreadable(ERR_IO, folder, 4);
	check_unreadable(ERR_IO, "/dev/zero", 4);
	assert_int_equal(0, mkfifo(in_folder("pipe"), 0600));
	check_unreadable(ERR_IO, in_folder("pipe"), 4); /* and does not wait for a writer */
}

/* Files in /proc say that they have no bytes. */
static void reads_files_without_a_size(void **state)
{
	(void)state;
	AUTO_BUF
	open = { 0 };
	AUTO(secret) *closed = NULL;
	check_ok(file_read("/proc/self/status", 1 << 16, &open, &em));
	assert_true(open.len > 100);
	check_ok(file_read_secret("/proc/self/status", 1 << 16, &closed, &em));
	assert_true(secret_len(closed) > 100);
	check_unreadable(ERR_LIMIT, "/proc/self/status", 100);
}

static int read_stdin(int from, size_t max, size_t wanted)
{
	dup2(from, STDIN_FILENO);
	AUTO(secret) *all = NULL;
	if (file_read_secret("-", max, &all, &em) != OK)
		return 1;
	return secret_len(all) == wanted && secret_data(all)[wanted - 1] == 'x' ? 0 : 2;
}

static void reads_standard_input_of_any_length(void **state)
{
	(void)state;
	static char contents[50000];
	memset(contents, 'x', sizeof(contents));
	for (int limited = 0; limited < 2; limited++) {
		int ends[2];
		assert_int_equal(0, pipe(ends));
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			close(ends[1]);
			_exit(read_stdin(ends[0], sizeof(contents) - (size_t)limited, sizeof(contents)));
		}
		assert_int_equal(sizeof(contents), write(ends[1], contents, sizeof(contents)));
		close(ends[1]);
		close(ends[0]);
		int status = 99;
		waitpid(pid, &status, 0);
		assert_int_equal(limited, WEXITSTATUS(status));
	}
}

static void trusts_what_only_we_may_write(void **state)
{
	(void)state;
	static const struct {
		mode_t mode;
		enum err wanted;
	} rows[] = { { 0600, OK },         { 0644, OK },         { 0400, OK },
		     { 0620, ERR_CONFIG }, { 0602, ERR_CONFIG }, { 0666, ERR_CONFIG } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put("file", bytes_str("{}"), rows[i].mode);
		AUTO_FD
		int fd = open(in_folder("file"), O_RDONLY);
		assert_true(fd >= 0);
		enum err e = file_check_trusted(fd, "file", &em);
		assert_int_equal(rows[i].wanted, e);
	}
	if (geteuid() != 0)
		return; /* only root can give files away */
	put("file", bytes_str("{}"), 0600);
	assert_int_equal(0, chown(in_folder("file"), 12345, (gid_t)-1));
	AUTO_FD
	int fd = open(in_folder("file"), O_RDONLY);
	check_err(ERR_CONFIG, file_check_trusted(fd, "file", &em));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(brings_every_length_back, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(gives_just_the_mode_that_was_asked_for, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(keeps_what_exists_where_it_is_told_to, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(replaces_a_link_and_not_what_it_points_to, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(writes_nothing_where_it_cannot, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(writes_into_the_current_folder, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(shows_nothing_half_written, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(reads_bounded_regular_files_only, make_folder, remove_folder),
		cmocka_unit_test(reads_files_without_a_size),
		cmocka_unit_test(reads_standard_input_of_any_length),
		cmocka_unit_test_setup_teardown(trusts_what_only_we_may_write, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
