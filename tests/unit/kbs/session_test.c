#include "tests/support/check.h"

#include "common/libctx.h"
#include "kbs/session.h"

#include <pthread.h>
#include <stdatomic.h>

static struct sessions *sessions;
static EVP_PKEY *key;

static int setup(void **state)
{
	(void)state;
	struct session_limits limits = { .max = 4, .lifetime_ms = 300000, .grace_ms = 5000 };
	key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	return key && sessions_new(limits, &sessions, NULL) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	sessions_free(sessions);
	EVP_PKEY_free(key);
	return 0;
}

static struct session_challenge open_at(int64_t now)
{
	struct session_challenge c = { .tee = "sample", .hash = "sha384" };
	check_ok(sessions_open(sessions, now, &c, &em));
	return c;
}

static void attest_at(const struct session_challenge *c, int64_t now)
{
	struct session_challenge taken = { 0 };
	check_ok(sessions_take(sessions, c->id, now, &taken, &em));
	check_ok(sessions_attest(sessions, c->id, now, &(struct grant){ .key = key }, &em));
}

static void opens_sessions_that_differ(void **state)
{
	(void)state;
	struct session_challenge a = open_at(0);
	struct session_challenge b = open_at(0);
	assert_int_equal(strlen(a.id), 32);
	assert_int_equal(strlen(a.nonce), 44);
	assert_string_not_equal(a.id, b.id);
	assert_string_not_equal(a.nonce, b.nonce);
}

static void gives_back_what_the_challenge_was(void **state)
{
	(void)state;
	struct session_challenge a = open_at(0);
	struct session_challenge taken = { 0 };
	check_ok(sessions_take(sessions, a.id, 1, &taken, &em));
	assert_string_equal(taken.nonce, a.nonce);
	assert_string_equal(taken.tee, "sample");
	assert_string_equal(taken.hash, "sha384");
}

static void spends_a_nonce_once(void **state)
{
	(void)state;
	struct session_challenge a = open_at(0);
	struct session_challenge taken;
	check_ok(sessions_take(sessions, a.id, 1, &taken, &em));
	check_err(ERR_AUTH, sessions_take(sessions, a.id, 1, &taken, &em));
	check_ok(sessions_attest(sessions, a.id, 1, &(struct grant){ .key = key }, &em));
	check_err(ERR_AUTH, sessions_take(sessions, a.id, 1, &taken, &em));
}

static void grants_to_attested_sessions_only(void **state)
{
	(void)state;
	struct session_challenge a = open_at(0);
	struct session_challenge taken;
	AUTO_GRANT grant = { .key = NULL };
	check_err(ERR_AUTH, sessions_grant(sessions, a.id, 1, &grant, &em));
	check_ok(sessions_take(sessions, a.id, 1, &taken, &em));
	check_err(ERR_AUTH, sessions_grant(sessions, a.id, 1, &grant, &em));
	check_ok(sessions_attest(sessions, a.id, 1, &(struct grant){ .key = key }, &em));
	check_ok(sessions_grant(sessions, a.id, 1, &grant, &em));
	assert_string_equal(grant.tee, "sample");
	assert_int_equal(EVP_PKEY_eq(grant.key, key), 1);
	check_err(ERR_AUTH, sessions_grant(sessions, "00000000000000000000000000000000", 1, &grant, &em));
}

static void ends_a_session_at_its_time(void **state)
{
	(void)state;
	struct session_challenge a = open_at(1000);
	struct session_challenge b = open_at(2000);
	struct session_challenge taken;
	AUTO_GRANT grant = { .key = NULL };
	attest_at(&a, 100000);
	check_ok(sessions_grant(sessions, a.id, 300999, &grant, &em));
	/* Attesting did not lengthen it. */
	check_err(ERR_AUTH, sessions_grant(sessions, a.id, 301000, &grant, &em));
	check_ok(sessions_take(sessions, b.id, 301000, &taken, &em));
	/* Evidence that took too long to verify. */
	check_err(ERR_AUTH, sessions_attest(sessions, b.id, 302000, &(struct grant){ .key = key }, &em));
	assert_int_equal(sessions_count(sessions, 302000).open, 0);
	assert_int_equal(sessions_count(sessions, 302000).attested, 0);
}

static void lets_a_flood_push_out_only_old_handshakes(void **state)
{
	(void)state;
	struct session_challenge c = { .tee = "sample", .hash = "sha384" };
	struct session_challenge taken;
	struct session_challenge first = open_at(0);
	open_at(1000);
	open_at(1000);
	open_at(1000);
	check_err(ERR_BUSY, sessions_open(sessions, 4999, &c, &em));
	open_at(5000);
	check_err(ERR_AUTH, sessions_take(sessions, first.id, 5000, &taken, &em));
	assert_int_equal(sessions_count(sessions, 5000).open, 4);
}

static void keeps_attested_sessions_whatever_comes(void **state)
{
	(void)state;
	AUTO_GRANT grant = { .key = NULL };
	struct session_challenge a = open_at(0);
	attest_at(&a, 0);
	for (int64_t i = 1; i < 50; i++)
		open_at(i * 5000);
	check_ok(sessions_grant(sessions, a.id, 50 * 5000, &grant, &em));
}

static void bounds_attested_sessions(void **state)
{
	(void)state;
	struct session_challenge taken;
	for (int i = 0; i < 4; i++) {
		struct session_challenge a = open_at(0);
		attest_at(&a, 0);
	}
	struct session_challenge more = open_at(1);
	check_err(ERR_BUSY, sessions_take(sessions, more.id, 1, &taken, &em));
	/* The nonce is not spent by that. */
	check_ok(sessions_take(sessions, more.id, 300000, &taken, &em));
}

static void makes_room_when_evidence_is_refused(void **state)
{
	(void)state;
	struct session_challenge taken;
	struct session_challenge a = open_at(0);
	check_ok(sessions_take(sessions, a.id, 1, &taken, &em));
	assert_int_equal(sessions_count(sessions, 1).attested, 1);
	sessions_drop(sessions, a.id);
	assert_int_equal(sessions_count(sessions, 1).attested, 0);
	check_err(ERR_AUTH, sessions_take(sessions, a.id, 1, &taken, &em));
	sessions_drop(sessions, a.id);
}

static void survives_a_clock_that_is_read_out_of_order(void **state)
{
	(void)state;
	struct session_challenge taken;
	open_at(2000);
	struct session_challenge late = open_at(1000);
	check_ok(sessions_take(sessions, late.id, 1000, &taken, &em));
	sessions_drop(sessions, late.id);
	assert_int_equal(sessions_count(sessions, 302000).open, 0);
}

static atomic_int winners;
static char raced_id[SESSION_ID_LEN + 1];

static void *take_once(void *unused)
{
	(void)unused;
	struct session_challenge taken;
	if (sessions_take(sessions, raced_id, 1, &taken, NULL) == OK)
		atomic_fetch_add(&winners, 1);
	return NULL;
}

static void lets_one_of_eight_threads_have_the_nonce(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct session_challenge a = open_at(0);
		pthread_t threads[8];
		memcpy(raced_id, a.id, sizeof(raced_id));
		atomic_store(&winners, 0);
		for (size_t i = 0; i < ARRAY_LEN(threads); i++)
			assert_int_equal(pthread_create(&threads[i], NULL, take_once, NULL), 0);
		for (size_t i = 0; i < ARRAY_LEN(threads); i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(atomic_load(&winners), 1);
		sessions_drop(sessions, a.id);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_sessions_that_differ),
		TEST(gives_back_what_the_challenge_was),
		TEST(spends_a_nonce_once),
		TEST(grants_to_attested_sessions_only),
		TEST(ends_a_session_at_its_time),
		TEST(lets_a_flood_push_out_only_old_handshakes),
		TEST(keeps_attested_sessions_whatever_comes),
		TEST(bounds_attested_sessions),
		TEST(makes_room_when_evidence_is_refused),
		TEST(survives_a_clock_that_is_read_out_of_order),
		TEST(lets_one_of_eight_threads_have_the_nonce),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
