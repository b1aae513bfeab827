#include "kbc/flight.h"

#include "kbc/retry.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct {
	enum err answer;
	unsigned flights;
	int64_t age_ms; /* of the result that is brought */
	int64_t takes_ms;
} pilot;

static enum err attest(void *ctx, struct deadline deadline, struct attestation_result **out, struct errmsg *em)
{
	(void)ctx;
	(void)deadline_sleep_ms(deadline, pilot.takes_ms);
	pilot.flights++;
	if (pilot.answer != OK)
		return err_set(em, pilot.answer, "the pilot says so");
	struct cc_grant grant = { .session_s = 1000, .valid_s = 10 };
	struct tee_key key = { .alg = "ECDH-ES+A256KW" };
	assert_int_equal(secret_new(8, &grant.cookie, em), OK);
	assert_int_equal(secret_new(8, &grant.bearer, em), OK);
	assert_int_equal(secret_new(8, &key.private_der, em), OK);
	struct result_terms terms = { boottime_ms() - pilot.age_ms, 3600 * 1000, 0 };
	return attestation_result_new(&grant, &key, terms, out, em);
}

static struct flight *begin(enum err answer, int64_t age_ms)
{
	struct flight *f = NULL;
	pilot.answer = answer;
	pilot.age_ms = age_ms;
	pilot.flights = 0;
	pilot.takes_ms = 0;
	assert_int_equal(flight_new((struct flight_pilot){ attest, NULL }, &f, NULL), OK);
	return f;
}

static enum err fly(struct flight *f, int64_t ms)
{
	AUTO(attestation_result) *r = NULL;
	struct errmsg em = { "" };
	enum err e = flight_result(f, (struct flight_wish){ NULL, deadline_in_ms(ms) }, &r, &em);
	assert_true((e == OK) == (r != NULL));
	if (e != OK)
		assert_string_equal(em.text, "the pilot says so");
	return e;
}

static void one_flight_serves_until_shortly_before_the_end(void **state)
{
	(void)state;
	AUTO(flight) *f = begin(OK, 8500);
	assert_int_equal(fly(f, 1000), OK);
	assert_int_equal(fly(f, 1000), OK);
	assert_int_equal(pilot.flights, 1);
	(void)deadline_sleep_ms(deadline_in_ms(5000), 600);
	assert_int_equal(fly(f, 1000), OK);
	assert_int_equal(pilot.flights, 2);
}

static void a_renewal_ahead_of_time_may_fail(void **state)
{
	(void)state;
	AUTO(flight) *f = begin(OK, 9300);
	assert_int_equal(fly(f, 1000), OK);
	pilot.answer = ERR_NET;
	assert_int_equal(fly(f, 1000), OK);
	assert_int_equal(pilot.flights, 2);
	/* A refusal is another thing: it counts at once. */
	pilot.answer = ERR_ATTEST;
	assert_int_equal(fly(f, 1000), ERR_ATTEST);
	(void)deadline_sleep_ms(deadline_in_ms(5000), 800);
	pilot.answer = ERR_NET;
	assert_int_equal(fly(f, 2000), ERR_NET);
}

static void the_distance_after_a_failure_grows_and_ends_with_success(void **state)
{
	(void)state;
	AUTO(flight) *f = begin(ERR_NET, 0);
	int64_t before = monotonic_ms();
	assert_int_equal(fly(f, 3000), ERR_NET);
	assert_int_equal(fly(f, 3000), ERR_NET);
	assert_int_equal(fly(f, 3000), ERR_NET);
	assert_true(monotonic_ms() - before >= (200 + 400) * 3 / 4);
	/* Who has no time for the distance gets the last reason at once. */
	before = monotonic_ms();
	assert_int_equal(fly(f, 20), ERR_NET);
	assert_true(monotonic_ms() - before < 300);
	assert_int_equal(pilot.flights, 3);
	pilot.answer = OK;
	assert_int_equal(fly(f, 3000), OK);
	assert_int_equal(fly(f, 0), OK);
	AUTO(attestation_result) *held = flight_held(f);
	flight_drop(f, held);
	pilot.answer = ERR_NET;
	assert_int_equal(fly(f, 3000), ERR_NET);
	before = monotonic_ms();
	assert_int_equal(fly(f, 3000), ERR_NET);
	assert_true(monotonic_ms() - before < 700); /* 200 ms again, not 1600 */
}

static void *thread_flies(void *f)
{
	AUTO(attestation_result) *r = NULL;
	struct errmsg em = { "" };
	enum err e = flight_result(f, (struct flight_wish){ NULL, deadline_in_ms(20000) }, &r, &em);
	return (void *)(uintptr_t)e;
}

static void waiters_do_not_try_one_after_the_other(void **state)
{
	(void)state;
	AUTO(flight) *f = begin(ERR_NET, 0);
	pthread_t threads[8];
	pilot.takes_ms = 300;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_flies, f), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *e = NULL;
		pthread_join(threads[i], &e);
		assert_int_equal((uintptr_t)e, ERR_NET);
	}
	/* The first, and one more for those who came while it was under way. */
	assert_true(pilot.flights >= 1 && pilot.flights <= 2);
}

static void a_refused_result_is_not_given_out_again(void **state)
{
	(void)state;
	AUTO(flight) *f = begin(OK, 0);
	AUTO(attestation_result) *first = NULL;
	AUTO(attestation_result) *second = NULL;
	struct flight_wish wish = { NULL, deadline_in_ms(1000) };
	assert_int_equal(flight_result(f, wish, &first, NULL), OK);
	wish.refused = first;
	assert_int_equal(flight_result(f, wish, &second, NULL), OK);
	assert_ptr_not_equal(first, second);
	flight_drop(f, first); /* not the one that is held: nothing happens */
	AUTO(attestation_result) *held = flight_held(f);
	assert_ptr_equal(held, second);
	flight_drop(f, second);
	assert_null(flight_held(f));
}

static void waits_double_up_to_a_bound(void **state)
{
	(void)state;
	int64_t longest = 200;
	for (unsigned tries = 1; tries < 40; tries++) {
		int64_t ms = retry_backoff_ms(tries);
		assert_true(ms <= longest && ms >= longest * 3 / 4);
		longest = longest * 2 < 5000 ? longest * 2 : 5000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flight_serves_until_shortly_before_the_end),
		cmocka_unit_test(a_renewal_ahead_of_time_may_fail),
		cmocka_unit_test(the_distance_after_a_failure_grows_and_ends_with_success),
		cmocka_unit_test(waiters_do_not_try_one_after_the_other),
		cmocka_unit_test(a_refused_result_is_not_given_out_again),
		cmocka_unit_test(waits_double_up_to_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
