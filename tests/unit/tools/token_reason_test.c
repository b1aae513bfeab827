#include "tools/token_reason.h"

#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The log reads its variable once in a process: each test has one of its own. */
static void in_child(void (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		body();
		_exit(0);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void expect(bool held, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	_exit(1);
}

#define EXPECT(condition) expect(condition, #condition)

static void reason_of_the_last_failure(void)
{
	struct token_reason r;
	struct errmsg em = { "layer 0: CKR_DEVICE_ERROR" };
	unsetenv("KBS_PKCS11_LOG");
	token_reason_begin(&r);
	log_error("pkcs11", "fetch", "object=\"k\" err=%s text=\"%s\"", err_name(ERR_DENIED), "older");
	log_error("pkcs11", "fetch", "object=\"k\" err=%s text=\"%s\"", err_name(ERR_NET), "no \"KBS\" at a\\b\n!");
	log_error("kbc", "other", "err=%s text=\"%s\"", err_name(ERR_TLS), "not the module's");
	EXPECT(token_reason_add(&r, ERR_KEY, &em) == ERR_NET);
	EXPECT(strcmp(em.text, "layer 0: CKR_DEVICE_ERROR: no \"KBS\" at a\\b\\n!") == 0);
	token_reason_end(&r);
}

static void the_tokens_words_and_kind_are_given(void **state)
{
	(void)state;
	in_child(reason_of_the_last_failure);
}

static void other_failures(void)
{
	struct token_reason r;
	struct errmsg em = { "layer 0: the HMAC does not hold" };
	unsetenv("KBS_PKCS11_LOG");
	token_reason_begin(&r);
	EXPECT(token_reason_add(&r, ERR_KEY, &em) == ERR_KEY); /* nothing was logged */
	log_error("pkcs11", "fetch", "object=\"k\" err=%s text=\"%s\"", err_name(ERR_NET),
		  "tried again, and it went well");
	EXPECT(token_reason_add(&r, ERR_INTEGRITY, &em) == ERR_INTEGRITY);
	EXPECT(strcmp(em.text, "layer 0: the HMAC does not hold") == 0);
	token_reason_end(&r);
}

static void what_no_token_can_have_caused_stays_as_it_is(void **state)
{
	(void)state;
	in_child(other_failures);
}

static void asked_for(void)
{
	struct token_reason r;
	struct errmsg em = { "x" };
	setenv("KBS_PKCS11_LOG", "error:/dev/null", 1);
	token_reason_begin(&r);
	EXPECT(strcmp(getenv("KBS_PKCS11_LOG"), "error:/dev/null") == 0);
	log_error("pkcs11", "fetch", "err=%s text=\"%s\"", err_name(ERR_NET), "y");
	EXPECT(token_reason_add(&r, ERR_KEY, &em) == ERR_KEY);
	token_reason_end(&r);
}

static void a_log_that_was_asked_for_is_left_alone(void **state)
{
	(void)state;
	in_child(asked_for);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tokens_words_and_kind_are_given),
		cmocka_unit_test(what_no_token_can_have_caused_stays_as_it_is),
		cmocka_unit_test(a_log_that_was_asked_for_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
