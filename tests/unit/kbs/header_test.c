#include "tests/support/check.h"

#include "kbs/header.h"

#define ID "0123456789abcdef0123456789abcdef"

static bool finds(const char *cookie)
{
	char id[SESSION_ID_LEN + 1] = "";
	bool found = header_session_id(cookie, id);
	assert_true(!found || strcmp(id, ID) == 0);
	return found;
}

static void finds_the_session_among_cookies(void **state)
{
	(void)state;
	assert_true(finds("kbs-session-id=" ID));
	assert_true(finds("a=b; kbs-session-id=" ID));
	assert_true(finds("kbs-session-id=" ID "; a=b"));
	assert_true(finds("kbs-session-id=old;  kbs-session-id=" ID " ;"));
}

static void takes_nothing_else_for_a_session(void **state)
{
	(void)state;
	assert_false(finds(NULL));
	assert_false(finds(""));
	assert_false(finds(";;;"));
	assert_false(finds("kbs-session-id"));
	assert_false(finds("kbs-session-id="));
	assert_false(finds("kbs-session-id=" ID "0"));
	assert_false(finds("kbs-session-id=0123456789abcdef0123456789abcde"));
	assert_false(finds("kbs-session-id=0123456789ABCDEF0123456789ABCDEF"));
	assert_false(finds("kbs-session-id=0123456789abcdef0123456789abcde;"));
	assert_false(finds("xkbs-session-id=" ID));
	assert_false(finds("KBS-SESSION-ID=" ID));
	assert_false(finds("a=kbs-session-id=" ID));
	assert_false(finds("kbs-session-id=\"" ID "\""));
}

static void finds_the_bearer_token(void **state)
{
	(void)state;
	check_bytes(bytes_str("a.b.c"), header_bearer("Bearer a.b.c"));
	check_bytes(bytes_str("a.b.c"), header_bearer("bearer   a.b.c  "));
	assert_int_equal(header_bearer(NULL).len, 0);
	assert_int_equal(header_bearer("").len, 0);
	assert_int_equal(header_bearer("Bearer").len, 0);
	assert_int_equal(header_bearer("Bearer ").len, 0);
	assert_int_equal(header_bearer("Basic a.b.c").len, 0);
	assert_int_equal(header_bearer("Bearera.b.c").len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_session_among_cookies),
		cmocka_unit_test(takes_nothing_else_for_a_session),
		cmocka_unit_test(finds_the_bearer_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
