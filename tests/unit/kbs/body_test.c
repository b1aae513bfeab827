#include "tests/support/check.h"

#include "kbs/body.h"

static void fill(struct body *b, size_t parts, size_t part)
{
	uint8_t bytes[700];
	for (size_t i = 0; i < parts; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		check_ok(body_add(b, (struct bytes){ bytes, part }, &em));
	}
}

static void keeps_a_secret_that_came_in_parts(void **state)
{
	(void)state;
	static const size_t announced[] = { 0, 1, 70000, 500000 };
	for (size_t a = 0; a < ARRAY_LEN(announced); a++) {
		struct body b = { .is_secret = true, .max = 100000 };
		check_ok(body_begin(&b, announced[a], &em));
		fill(&b, 100, 700);
		body_end(&b);
		assert_int_equal(secret_len(b.secret), 70000);
		for (size_t i = 0; i < 70000; i++)
			assert_int_equal(secret_data(b.secret)[i], i / 700);
		body_clear(&b);
	}
}

static void keeps_an_empty_secret(void **state)
{
	(void)state;
	struct body b = { .is_secret = true, .max = 10 };
	check_ok(body_begin(&b, 0, &em));
	body_end(&b);
	assert_non_null(b.secret);
	assert_int_equal(secret_len(b.secret), 0);
	body_clear(&b);
}

static void refuses_one_byte_too_many(void **state)
{
	(void)state;
	for (int is_secret = 0; is_secret < 2; is_secret++) {
		struct body b = { .is_secret = is_secret, .max = 1400 };
		check_ok(body_begin(&b, 0, &em));
		fill(&b, 2, 700);
		check_err(ERR_LIMIT, body_add(&b, bytes_str("x"), &em));
		body_clear(&b);
	}
}

static void takes_no_body_where_there_is_none(void **state)
{
	(void)state;
	struct body b = { 0 };
	check_ok(body_begin(&b, 0, &em));
	check_ok(body_add(&b, bytes_str(""), &em));
	check_err(ERR_LIMIT, body_add(&b, bytes_str("x"), &em));
	body_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_secret_that_came_in_parts),
		cmocka_unit_test(keeps_an_empty_secret),
		cmocka_unit_test(refuses_one_byte_too_many),
		cmocka_unit_test(takes_no_body_where_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
