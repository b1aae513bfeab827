#include "common/err.h"

#include "common/deadline.h"
#include "common/harden.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "tests/support/check.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void puts_context_before_the_text(void **state)
{
	(void)state;
	assert_int_equal(ERR_DENIED, err_set(&em, ERR_DENIED, "refused by %s", "policy"));
	assert_int_equal(ERR_DENIED, err_wrap(&em, ERR_DENIED, "resource %s", "a/b/c"));
	assert_string_equal("resource a/b/c: refused by policy", em.text);
}

static void may_take_its_own_text_as_an_argument(void **state)
{
	(void)state;
	(void)err_set(&em, ERR_IO, "first");
	(void)err_set(&em, ERR_IO, "then %s", em.text);
	assert_string_equal("then first", em.text);
	(void)err_wrap(&em, ERR_IO, "%s again", em.text);
	assert_string_equal("then first again: then first", em.text);
}

static void names_the_code_where_there_is_no_text(void **state)
{
	(void)state;
	em.text[0] = '\0';
	(void)err_wrap(&em, ERR_NOT_FOUND, "key");
	assert_string_equal("key: not-found", em.text);
}

static void says_what_there_is_no_memory_for(void **state)
{
	(void)state;
	assert_int_equal(ERR_NOMEM, err_nomem(&em, "a 100% key"));
	assert_string_equal("no memory for a 100% key", em.text);
	assert_int_equal(ERR_NOMEM, err_nomem(NULL, "a key"));
}

static void cuts_what_does_not_fit(void **state)
{
	(void)state;
	char endless[3 * sizeof(em.text)];
	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	(void)err_set(&em, ERR_IO, "%s", endless);
	assert_int_equal(sizeof(em.text) - 1, strlen(em.text));
	(void)err_wrap(&em, ERR_IO, "%s", endless);
	errno = ENOENT;
	(void)err_errno(&em, ERR_IO, "%s", endless);
	assert_int_equal(sizeof(em.text) - 1, strlen(em.text));
}

static void works_without_a_place_for_the_text(void **state)
{
	(void)state;
	assert_int_equal(ERR_IO, err_set(NULL, ERR_IO, "x"));
	assert_int_equal(ERR_IO, err_wrap(NULL, ERR_IO, "x"));
	assert_int_equal(ERR_IO, err_errno(NULL, ERR_IO, "x"));
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);
	assert_int_equal(ERR_IO, err_openssl(NULL, ERR_IO, "x"));
	assert_int_equal(0, ERR_peek_error());
}

/* Whatever OpenSSL could not do for want of memory says nothing about its input. */
static void want_of_memory_is_told_as_that(void **state)
{
	(void)state;
	ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT);
	assert_int_equal(ERR_NOMEM, err_openssl(NULL, ERR_PARSE, "x"));
	ERR_raise(ERR_LIB_USER, ERR_R_PASSED_INVALID_ARGUMENT); /* the application's */
	openssl_errors_keep();
	ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
	assert_int_equal(ERR_NOMEM, err_openssl(NULL, ERR_PARSE, "x"));
	ERR_raise(ERR_LIB_USER, ERR_R_UNSUPPORTED);
	assert_int_equal(ERR_PARSE, err_openssl(NULL, ERR_PARSE, "x"));
	openssl_errors_restore();
	assert_int_equal(ERR_R_PASSED_INVALID_ARGUMENT, ERR_GET_REASON(ERR_get_error()));
	assert_int_equal(0, ERR_peek_error());
}

static void tells_errno(void **state)
{
	(void)state;
	errno = ENOENT;
	assert_int_equal(ERR_NOT_FOUND, err_errno(&em, ERR_NOT_FOUND, "open %s", "/x"));
	assert_string_equal("open /x: No such file or directory", em.text);
}

static void tells_the_oldest_reason_and_no_data_and_empties_the_queue(void **state)
{
	(void)state;
	ERR_clear_error();
	ERR_raise_data(ERR_LIB_EVP, ERR_R_PASSED_NULL_PARAMETER, "secret=%s", "hunter2");
	ERR_raise_data(ERR_LIB_RSA, ERR_R_INTERNAL_ERROR, "secret=%s", "hunter2");
	assert_int_equal(ERR_CRYPTO, err_openssl(&em, ERR_CRYPTO, "cannot sign"));
	assert_string_equal("cannot sign: passed a null parameter", em.text);
	assert_int_equal(0, ERR_peek_error());
	(void)err_openssl(&em, ERR_CRYPTO, "cannot sign");
	assert_string_equal("cannot sign: OpenSSL gave no reason", em.text);
}

/* The table in err.h. */
static void has_the_exit_codes_that_the_pages_list(void **state)
{
	(void)state;
	static const int wanted[ERR_COUNT_] = {
		[OK] = 0,         [ERR_INTERNAL] = 1, [ERR_NOMEM] = 1,     [ERR_MISUSE] = 1,
		[ERR_ARG] = 2,    [ERR_CONFIG] = 3,   [ERR_NET] = 4,       [ERR_TIMEOUT] = 4,
		[ERR_TLS] = 4,    [ERR_BUSY] = 4,     [ERR_ATTEST] = 5,    [ERR_AUTH] = 5,
		[ERR_DENIED] = 5, [ERR_EXPIRED] = 5,  [ERR_NOT_FOUND] = 6, [ERR_INTEGRITY] = 7,
		[ERR_CRYPTO] = 7, [ERR_PARSE] = 8,    [ERR_LIMIT] = 8,     [ERR_UNSUPPORTED] = 8,
		[ERR_PROTO] = 8,  [ERR_KEY] = 9,      [ERR_IO] = 10,       [ERR_EXISTS] = 10
	};
	for (int e = OK; e < ERR_COUNT_; e++) {
		assert_int_equal(wanted[e], err_exit_code((enum err)e));
		assert_non_null(err_name((enum err)e));
		assert_true(e == OK || wanted[e] != 0);
		for (int other = OK; other < e; other++)
			assert_string_not_equal(err_name((enum err)e), err_name((enum err)other));
	}
	assert_string_equal("denied", err_name(ERR_DENIED));
	assert_string_equal("not-found", err_name(ERR_NOT_FOUND));
	assert_int_equal(1, err_exit_code((enum err)9999));
	assert_string_equal("unknown", err_name((enum err) - 1));
}

static void deadlines_pass(void **state)
{
	(void)state;
	struct deadline soon = deadline_in_ms(30);
	struct deadline late = deadline_in_ms(1000000);
	assert_false(deadline_passed(late));
	assert_in_range(deadline_left_ms(late), 999000, 1000000);
	assert_int_equal(soon.at_ms, deadline_earlier(late, soon).at_ms);
	assert_int_equal(soon.at_ms, deadline_earlier(soon, late).at_ms);
	assert_true(deadline_sleep_ms(late, 5));
	assert_false(deadline_sleep_ms(soon, 1000000)); /* not past the deadline */
	assert_true(deadline_passed(soon));
	assert_int_equal(0, deadline_left_ms(soon));
	assert_true(deadline_passed(deadline_in_ms(-5)));
	assert_int_equal(INT64_MAX, deadline_in_ms(INT64_MAX).at_ms);
	struct timespec at = deadline_timespec((struct deadline){ 1234567 });
	assert_int_equal(1234, at.tv_sec);
	assert_int_equal(567000000, at.tv_nsec);
}

static void a_hardened_process_dumps_nothing(void **state)
{
	(void)state;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit core = { 1, 1 };
		bool good = harden_process(NULL) == OK && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			    getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
		_exit(good ? 0 : 1);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	assert_int_equal(0, status);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_context_before_the_text),
		cmocka_unit_test(may_take_its_own_text_as_an_argument),
		cmocka_unit_test(names_the_code_where_there_is_no_text),
		cmocka_unit_test(says_what_there_is_no_memory_for),
		cmocka_unit_test(cuts_what_does_not_fit),
		cmocka_unit_test(works_without_a_place_for_the_text),
		cmocka_unit_test(want_of_memory_is_told_as_that),
		cmocka_unit_test(tells_errno),
		cmocka_unit_test(tells_the_oldest_reason_and_no_data_and_empties_the_queue),
		cmocka_unit_test(has_the_exit_codes_that_the_pages_list),
		cmocka_unit_test(deadlines_pass),
		cmocka_unit_test(a_hardened_process_dumps_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
