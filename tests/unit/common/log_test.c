#include "common/log.h"

#include "common/file.h"
#include "tests/support/check.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <regex.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[64];
static char path[128];

static int begin(void **state)
{
	(void)state;
	check_folder_make(folder);
	snprintf(path, sizeof(path), "%s/log", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	check_folder_remove(folder);
	unsetenv("KBS_PKCS11_LOG");
	return 0;
}

/* The setting is read once per process, so each test logs in a child of its own. */
static void in_child(const char *level, void (*work)(void))
{
	char setting[256];
	snprintf(setting, sizeof(setting), "%s:%s", level, path);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		setenv("KBS_PKCS11_LOG", setting, 1);
		work();
		_exit(0);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	assert_int_equal(0, status);
}

static char *logged(void)
{
	static char text[1 << 20];
	AUTO_BUF
	all = { 0 };
	text[0] = '\0';
	if (access(path, F_OK) == 0)
		check_ok(file_read(path, sizeof(text) - 1, &all, &em));
	memcpy(text, all.data ? all.data : (uint8_t *)"", all.len);
	text[all.len] = '\0';
	return text;
}

static size_t lines_in(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t compiled;
	assert_int_equal(0, regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB));
	bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
	regfree(&compiled);
	return found;
}

static void log_each_level(void)
{
	log_error("test", "e1", "n=%d", 1);
	log_warn("test", "e2", "n=%d", 2);
	log_info("test", "e3", "n=%d", 3);
	log_debug("test", "e4", "n=%d", 4);
}

static void logs_down_to_its_level(void **state)
{
	(void)state;
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		unlink(path);
		in_child(levels[i], log_each_level);
		assert_int_equal(i + 1, lines_in(logged()));
	}
}

static void log_one(void)
{
	log_warn("kbc", "retry", "url=\"%s\" attempt=%d", "https://kbs", 2);
}

static void writes_time_level_part_event_and_pid(void **state)
{
	(void)state;
	in_child("warn", log_one);
	assert_true(matches(logged(),
			    "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z level=warn "
			    "part=kbc event=retry pid=[0-9]+ url=\"https://kbs\" attempt=2\n$"));
	struct stat st;
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0600, st.st_mode & 07777);
}

static void stay_silent(void)
{
	unsetenv("KBS_PKCS11_LOG");
	log_each_level();
	_exit(log_enabled(LOG_ERROR_));
}

static void is_off_unless_it_is_asked_for(void **state)
{
	(void)state;
	in_child("debug", stay_silent);
	assert_int_equal(0, check_folder_count(folder));
}

static void log_hostile(void)
{
	log_error("t", "e", "a=\"%s\" b=1", "x\n2026-01-01T00:00:00.000Z level=error part=forged event=e pid=1 c=2");
	log_error("t", "e", "a=\"%s\" b=1", "x\" level=error part=\"forged");
	log_error("t", "e", "a=%s b=1", "x level=error part=forged");
	log_error("t", "e", "a=%s b=1", "x\r\x1b[2J\x08\x7f\t\\n");
	log_error("t", "e", "a=\"%s\" b=1", "\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae \xff \xc3\xa9");
	const char *volatile nothing = NULL;
	log_error("t", "e", "a=%s b=%s", "", nothing);
	log_error("t", "e", "a=%c", '\n');
}

static void keeps_hostile_text_inside_its_value(void **state)
{
	(void)state;
	in_child("error", log_hostile);
	char *text = logged();
	assert_int_equal(7, lines_in(text));
	static const char *const wanted[] = {
		" a=\"x\\n2026-01-01T00:00:00.000Z level=error part=forged event=e pid=1 c=2\" b=1",
		" a=\"x\\\" level=error part=\\\"forged\" b=1",
		" a=\"x level=error part=forged\" b=1",
		" a=x\\r\\x1b[2J\\x08\\x7f\\t\\\\n b=1",
		" a=\"\\xc2\\x85 \\xe2\\x80\\xa8 \\xe2\\x80\\xae \\xff \xc3\xa9\" b=1",
		" a=\"\" b=(none)",
		" a=\\n",
	};
	char *line = strtok(text, "\n");
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++, line = strtok(NULL, "\n")) {
		assert_non_null(line);
		const char *pairs = strstr(line, " a=");
		assert_non_null(pairs);
		assert_string_equal(wanted[i], pairs);
		for (const char *c = line; *c; c++)
			assert_false((unsigned char)*c < 0x20 || *c == 0x7f);
	}
}

static void log_every_conversion(void)
{
	log_error("t", "e", "%s %.2s %.*s %d %i %u %x %c %%", "s", "sss", 1, "sss", -1, -2, 3U, 0xfeU, 'c');
	log_error("t", "e", "%ld %lld %zu %zd %jd %hhu %hx %lu %llx", -1L, -2LL, (size_t)3, (ssize_t)-4, (intmax_t)-5,
		  (unsigned char)6, (unsigned short)7, 8UL, 9ULL);
	log_error("t", "e", "%" PRId64 " %" PRIu64 " %02x %3d %*d", INT64_MIN, UINT64_MAX, 5U, 7, 2, 1);
	log_error("t", "e", "none");
}

static void formats_as_printf_does(void **state)
{
	(void)state;
	in_child("error", log_every_conversion);
	const char *text = logged();
	assert_non_null(strstr(text, " s ss s -1 -2 3 fe c %\n"));
	assert_non_null(strstr(text, " -1 -2 3 -4 -5 6 7 8 9\n"));
	assert_non_null(strstr(text, " -9223372036854775808 18446744073709551615 05   7  1\n"));
	assert_non_null(strstr(text, " none\n"));
	assert_int_equal(4, lines_in(text));
}

static void log_endlessly(void)
{
	static char endless[10000];
	memset(endless, '\n', sizeof(endless) - 1);
	log_error("t", "e", "a=\"%s\" b=%s", endless, endless);
}

static void cuts_a_line_that_is_too_long(void **state)
{
	(void)state;
	in_child("error", log_endlessly);
	const char *text = logged();
	assert_int_equal(1, lines_in(text));
	assert_true(strlen(text) <= 4096);
	assert_string_equal("...\n", text + strlen(text) - 4);
}

static void *log_often(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_error("t", "e", "thread=%p i=%d z=end", arg, i);
	return NULL;
}

static void log_from_threads(void)
{
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		if (pthread_create(&threads[i], NULL, log_often, path + i) != 0)
			_exit(1);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}

static void keeps_lines_whole_among_threads(void **state)
{
	(void)state;
	in_child("error", log_from_threads);
	char *text = logged();
	assert_int_equal(800, lines_in(text));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(matches(
			line, "^[^ ]*Z level=error part=t event=e pid=[0-9]+ thread=0x[0-9a-f]+ i=[0-9]+ z=end$"));
}

static void log_and_fork(void)
{
	log_error("t", "parent", "a=1");
	pid_t pid = fork();
	if (pid == 0) {
		setenv("KBS_PKCS11_LOG", "nothing", 1); /* read again here: wrong, so nothing comes */
		close(STDERR_FILENO);
		log_error("t", "child", "a=1");
		_exit(log_enabled(LOG_ERROR_));
	}
	int status = 1;
	waitpid(pid, &status, 0);
	log_error("t", "parent", "status=%d", status);
}

static void reads_the_setting_again_in_a_forked_child(void **state)
{
	(void)state;
	in_child("error", log_and_fork);
	const char *text = logged();
	assert_int_equal(2, lines_in(text));
	assert_null(strstr(text, "event=child"));
	assert_non_null(strstr(text, "status=0"));
}

static void log_with_wrong_setting(void)
{
	static const char *const wrong[] = { "verbose", "error:relative/file", "warn:",
					     ":stderr", "error:stdout",        "errors" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
			dup2(fd, STDERR_FILENO);
			setenv("KBS_PKCS11_LOG", wrong[i], 1);
			log_each_level();
			_exit(log_enabled(LOG_ERROR_));
		}
		int status = 1;
		waitpid(pid, &status, 0);
		if (status != 0)
			_exit(1);
	}
}

static void says_once_that_the_setting_is_wrong(void **state)
{
	(void)state;
	in_child("error", log_with_wrong_setting);
	const char *text = logged();
	assert_int_equal(6, lines_in(text));
	assert_non_null(strstr(text, "KBS_PKCS11_LOG is not LEVEL"));
	assert_null(strstr(text, "event="));
}

static void log_nowhere(void)
{
	setenv("KBS_PKCS11_LOG", "debug:/nonexistent/folder/log", 1);
	errno = 42;
	log_each_level();
	_exit(errno == 42 ? 0 : 1);
}

static void log_to_standard_error(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	setenv("KBS_PKCS11_LOG", "warn", 1);
	log_each_level();
}

static void a_log_that_cannot_be_written_stops_nobody(void **state)
{
	(void)state;
	in_child("error", log_nowhere);
}

static void goes_to_standard_error_by_default(void **state)
{
	(void)state;
	in_child("error", log_to_standard_error);
	assert_int_equal(2, lines_in(logged()));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(logs_down_to_its_level, begin, end),
		cmocka_unit_test_setup_teardown(writes_time_level_part_event_and_pid, begin, end),
		cmocka_unit_test_setup_teardown(is_off_unless_it_is_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(keeps_hostile_text_inside_its_value, begin, end),
		cmocka_unit_test_setup_teardown(formats_as_printf_does, begin, end),
		cmocka_unit_test_setup_teardown(cuts_a_line_that_is_too_long, begin, end),
		cmocka_unit_test_setup_teardown(keeps_lines_whole_among_threads, begin, end),
		cmocka_unit_test_setup_teardown(reads_the_setting_again_in_a_forked_child, begin, end),
		cmocka_unit_test_setup_teardown(says_once_that_the_setting_is_wrong, begin, end),
		cmocka_unit_test_setup_teardown(a_log_that_cannot_be_written_stops_nobody, begin, end),
		cmocka_unit_test_setup_teardown(goes_to_standard_error_by_default, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
