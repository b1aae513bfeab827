#include "kbc/kbc.h"

#include "tests/unit/kbc/fake_kbs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#define ERROR_TYPE "{\"type\":\"https://github.com/confidential-containers/kbs/errors/"

static struct deadline soon(void)
{
	return deadline_in_ms(100000);
}

static struct kbc *client_with(const char *second_url, int64_t lifetime_ms)
{
	char *first = (char *)"http://127.0.0.1:8080", *second = (char *)second_url;
	struct kbc_options o = {
		.kind = "cc_kbc",
		.urls = { first, second },
		.url_count = second_url ? 2 : 1,
		.attester = "sample",
		.key_type = "P-256",
		.timeout_ms = 100000,
		.lifetime_ms = lifetime_ms,
		.max_resource = 65536,
	};
	struct kbc *kbc;
	struct errmsg em = { "" };
	if (kbc_new(&o, fake_kbs(), &kbc, &em) != OK)
		fail_msg("%s", em.text);
	return kbc;
}

static struct kbc *client(void)
{
	return client_with(NULL, 3600 * 1000);
}

static enum err get_within(struct kbc *kbc, const char *text, struct deadline d, struct errmsg *em)
{
	struct resource_uri uri;
	AUTO(secret) *got = NULL;
	enum err e = resource_uri_parse(text, &uri, em);
	if (e == OK)
		e = kbc_get(kbc, &uri, d, &got, em);
	if (e != OK) {
		assert_null(got);
		return e;
	}
	char expected[16];
	snprintf(expected, sizeof(expected), "resource %c", text[strlen(text) - 1]);
	assert_int_equal(secret_len(got), strlen(expected));
	assert_memory_equal(secret_data(got), expected, strlen(expected));
	return OK;
}

static enum err get(struct kbc *kbc, const char *text, struct errmsg *em)
{
	return get_within(kbc, text, soon(), em);
}

static void must_get(struct kbc *kbc, const char *text)
{
	struct errmsg em = { "" };
	if (get(kbc, text, &em) != OK)
		fail_msg("%s", em.text);
}

static void must_fail(struct kbc *kbc, enum err expected, const char *words)
{
	struct errmsg em = { "" };
	assert_int_equal(get(kbc, "kbs:///default/key/1", &em), expected);
	if (!strstr(em.text, words))
		fail_msg("\"%s\" does not say \"%s\"", em.text, words);
	assert_non_null(strstr(em.text, "kbs:///default/key/1"));
}

static int begin(void **state)
{
	(void)state;
	fake_kbs_reset();
	return 0;
}

static void a_first_use_costs_three_requests_on_one_connection(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	assert_int_equal(fake_kbs_counts().opens, 0);
	must_get(kbc, "kbs:///default/key/1");
	struct fake_counts c = fake_kbs_counts();
	assert_int_equal(c.requests, 3);
	assert_int_equal(c.opens, 1);
	assert_int_equal(kbc_counts(kbc).handshakes, 1);
	assert_int_equal(kbc_counts(kbc).gets, 1);
	assert_int_equal(kbc_counts(kbc).retries, 0);
}

static void nine_keys_cost_one_handshake_and_nine_requests(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	for (int i = 1; i <= 9; i++) {
		char uri[32];
		snprintf(uri, sizeof(uri), "kbs:///default/key/%d", i);
		must_get(kbc, uri);
	}
	struct fake_counts c = fake_kbs_counts();
	assert_int_equal(c.requests, 2 + 9);
	assert_int_equal(c.opens, 1);
}

static void *thread_gets(void *kbc)
{
	struct errmsg em = { "" };
	enum err e = get(kbc, "kbs:///default/key/3", &em);
	return (void *)(uintptr_t)e;
}

static void all_threads_give(struct kbc *kbc, enum err expected)
{
	pthread_t threads[8];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_gets, kbc), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *e;
		pthread_join(threads[i], &e);
		assert_int_equal((uintptr_t)e, expected);
	}
}

static void eight_threads_share_one_handshake(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .delay_ms = 100 });
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 8, .delay_ms = 100 });
	all_threads_give(kbc, OK);
	struct fake_counts c = fake_kbs_counts();
	assert_int_equal(c.auths, 1);
	assert_int_equal(c.attests, 1);
	assert_int_equal(c.gets, 8);
	assert_true(c.most_at_once > 1); /* no lock is held across requests */
}

static void more_threads_than_connections_wait_for_one(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 24, .delay_ms = 20 });
	pthread_t threads[24];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_gets, kbc), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *e;
		pthread_join(threads[i], &e);
		assert_int_equal((uintptr_t)e, OK);
	}
	assert_true(fake_kbs_counts().most_at_once <= 8);
	assert_true(fake_kbs_counts().opens <= 8);
}

static void eight_threads_share_one_refusal(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .delay_ms = 200 });
	fake_kbs_rule((struct fake_rule){ .route = "/attest",
					  .times = 9,
					  .status = 401,
					  .body = ERROR_TYPE "AttestationError\",\"detail\":\"\"}" });
	all_threads_give(kbc, ERR_ATTEST);
	assert_true(fake_kbs_counts().auths <= 2);
}

static void every_kind_of_tee_key_opens_its_answers(void **state)
{
	(void)state;
	static const char *const types[] = { "P-256", "P-521", "RSA" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct kbc_options o = { .kind = "cc_kbc",
					 .urls = { (char *)"http://[::1]" },
					 .url_count = 1,
					 .attester = "sample",
					 .timeout_ms = 100000,
					 .lifetime_ms = 1000000,
					 .max_resource = 1000 };
		AUTO(kbc) *kbc = NULL;
		strcpy(o.key_type, types[i]);
		assert_int_equal(kbc_new(&o, fake_kbs(), &kbc, NULL), OK);
		must_get(kbc, "kbs:///default/key/1");
	}
}

static void the_hash_that_the_kbs_selects_is_used(void **state)
{
	(void)state;
	static const char *const hashes[] = { "sha256", "SHA384", "sha512" };
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		AUTO(kbc) *kbc = client();
		fake_kbs_behave((struct fake_behaviour){ .hash = hashes[i] });
		must_get(kbc, "kbs:///default/key/1");
	}
}

static void a_result_that_is_no_longer_accepted_is_renewed_once(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_forget_all();
	must_get(kbc, "kbs:///default/key/2");
	assert_int_equal(fake_kbs_counts().requests, 3 + 1 + 3);
	assert_int_equal(kbc_counts(kbc).handshakes, 2);
}

static void a_second_refusal_of_the_result_is_the_answer(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_rule((struct fake_rule){ .route = "/resource/",
					  .times = 9,
					  .status = 401,
					  .body = ERROR_TYPE "TokenVerifierError\",\"detail\":\"\"}" });
	must_fail(kbc, ERR_AUTH, "TokenVerifierError");
	assert_int_equal(fake_kbs_counts().requests, 6);
}

static void a_renewal_is_shared_by_all_whose_result_was_refused(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_forget_all();
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 8, .delay_ms = 100 });
	all_threads_give(kbc, OK);
	assert_int_equal(fake_kbs_counts().auths, 2);
}

static void a_lost_session_is_made_up_for_by_the_result(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_forget_sessions();
	must_get(kbc, "kbs:///default/key/2");
	assert_int_equal(fake_kbs_counts().requests, 4);
}

static void after_the_session_only_the_result_is_shown(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_behave((struct fake_behaviour){ .set_cookie_suffix = "; Path=/; max-age=0", .token_padding = 20000 });
	must_get(kbc, "kbs:///default/key/1");
	assert_string_equal(fake_kbs_seen().cookie, "");
	assert_memory_equal(fake_kbs_seen().authorization, "Bearer e30.", 11);
}

static void a_large_result_is_not_shown_beside_the_cookie(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_behave((struct fake_behaviour){ .token_padding = 20000 });
	must_get(kbc, "kbs:///default/key/1");
	assert_string_equal(fake_kbs_seen().cookie, "kbs-session-id=00000000000000000000000000000001");
	assert_string_equal(fake_kbs_seen().authorization, "");
}

static void a_result_too_large_for_a_header_lives_as_long_as_its_session(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_behave((struct fake_behaviour){ .set_cookie_suffix = "; Max-Age=1", .token_padding = 200000 });
	must_get(kbc, "kbs:///default/key/1");
	must_get(kbc, "kbs:///default/key/1");
	assert_int_equal(fake_kbs_counts().auths, 1);
	(void)deadline_sleep_ms(soon(), 1100);
	must_get(kbc, "kbs:///default/key/1");
	assert_int_equal(fake_kbs_counts().auths, 2);
	assert_int_equal(fake_kbs_counts().gets, 3); /* none was refused */
	assert_string_equal(fake_kbs_seen().authorization, "");
}

static void a_result_is_renewed_before_it_expires(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	fake_kbs_behave((struct fake_behaviour){ .valid_s = 1 });
	must_get(kbc, "kbs:///default/key/1");
	(void)deadline_sleep_ms(soon(), 950);
	must_get(kbc, "kbs:///default/key/1");
	assert_int_equal(fake_kbs_counts().auths, 2);
	assert_int_equal(fake_kbs_counts().gets, 2); /* none was refused */
}

static void a_failed_renewal_leaves_a_result_that_serves(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 99, .err = ERR_NET });
	assert_int_equal(kbc_attest(kbc, true, deadline_in_ms(100), NULL), ERR_NET);
	must_get(kbc, "kbs:///default/key/2");
}

static void the_configured_lifetime_bounds_every_result(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client_with(NULL, 200);
	must_get(kbc, "kbs:///default/key/1");
	must_get(kbc, "kbs:///default/key/1");
	assert_int_equal(fake_kbs_counts().auths, 1);
	(void)deadline_sleep_ms(soon(), 250);
	must_get(kbc, "kbs:///default/key/1");
	assert_int_equal(fake_kbs_counts().auths, 2);
}

static void attesting_anew_takes_the_place_of_the_old_result(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	assert_int_equal(kbc_attest(kbc, false, soon(), NULL), OK);
	assert_int_equal(kbc_attest(kbc, false, soon(), NULL), OK);
	assert_int_equal(fake_kbs_counts().requests, 2);
	assert_int_equal(kbc_attest(kbc, true, soon(), NULL), OK);
	assert_int_equal(fake_kbs_counts().requests, 4);
	must_get(kbc, "kbs:///default/key/1");
	assert_string_equal(fake_kbs_seen().cookie, "kbs-session-id=00000000000000000000000000000002");
}

static void a_host_in_the_uri_must_be_a_configured_one(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	struct errmsg em = { "" };
	assert_int_equal(get(kbc, "kbs://elsewhere.example:8080/default/key/1", &em), ERR_ARG);
	assert_non_null(strstr(em.text, "elsewhere.example"));
	assert_int_equal(get(kbc, "kbs://127.0.0.1:8081/default/key/1", &em), ERR_ARG);
	assert_int_equal(fake_kbs_counts().requests, 0);
	must_get(kbc, "kbs://127.0.0.1:8080/default/key/1");
	must_get(kbc, "kbs://127.0.0.1/default/key/1");
}

static void closes_every_connection_that_it_opened(void **state)
{
	(void)state;
	struct kbc *kbc = client();
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 8, .delay_ms = 50 });
	all_threads_give(kbc, OK);
	kbc_free(kbc);
	assert_true(fake_kbs_counts().opens > 1);
	assert_int_equal(fake_kbs_counts().opens, fake_kbs_counts().closes);
}

/* A child of a process with requests in flight: the locks may be held, the peers must hear nothing. */
static void a_forked_child_abandons_without_a_word(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 1, .delay_ms = 300 });
	unsigned requests = fake_kbs_counts().requests + 1;
	pthread_t busy;
	assert_int_equal(pthread_create(&busy, NULL, thread_gets, kbc), 0);
	while (fake_kbs_counts().requests < requests)
		(void)deadline_sleep_ms(soon(), 1);
	pid_t child = fork();
	if (child == 0) {
		alarm(5);
		kbc_abandon(kbc);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(fake_kbs_counts().requests, requests);
	void *e;
	pthread_join(busy, &e);
	assert_int_equal((uintptr_t)e, OK);
	must_get(kbc, "kbs:///default/key/4");
	assert_int_equal(fake_kbs_counts().auths, 1);
}

static void a_child_drops_the_connections_that_others_use(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client();
	must_get(kbc, "kbs:///default/key/1");
	pid_t child = fork();
	if (child == 0) {
		kbc_abandon(kbc);
		struct fake_counts c = fake_kbs_counts();
		_exit(c.abandons == 1 && c.closes == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_resource_larger_than_configured_is_refused(void **state)
{
	(void)state;
	struct kbc_options o = { .kind = "cc_kbc",
				 .urls = { (char *)"http://127.0.0.1" },
				 .url_count = 1,
				 .attester = "sample",
				 .key_type = "P-256",
				 .timeout_ms = 100000,
				 .lifetime_ms = 1000000,
				 .max_resource = 9 };
	AUTO(kbc) *kbc = NULL;
	assert_int_equal(kbc_new(&o, fake_kbs(), &kbc, NULL), OK);
	must_fail(kbc, ERR_LIMIT, "larger than 9 bytes");
}

static void an_unknown_kind_is_refused(void **state)
{
	(void)state;
	struct kbc_options o = { .kind = "no_such_kbc", .urls = { (char *)"https://kbs" }, .url_count = 1 };
	struct kbc *kbc;
	struct errmsg em = { "" };
	assert_int_equal(kbc_new(&o, fake_kbs(), &kbc, &em), ERR_CONFIG);
	assert_non_null(strstr(em.text, "no_such_kbc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_first_use_costs_three_requests_on_one_connection, begin),
		cmocka_unit_test_setup(nine_keys_cost_one_handshake_and_nine_requests, begin),
		cmocka_unit_test_setup(eight_threads_share_one_handshake, begin),
		cmocka_unit_test_setup(more_threads_than_connections_wait_for_one, begin),
		cmocka_unit_test_setup(eight_threads_share_one_refusal, begin),
		cmocka_unit_test_setup(every_kind_of_tee_key_opens_its_answers, begin),
		cmocka_unit_test_setup(the_hash_that_the_kbs_selects_is_used, begin),
		cmocka_unit_test_setup(a_result_that_is_no_longer_accepted_is_renewed_once, begin),
		cmocka_unit_test_setup(a_second_refusal_of_the_result_is_the_answer, begin),
		cmocka_unit_test_setup(a_renewal_is_shared_by_all_whose_result_was_refused, begin),
		cmocka_unit_test_setup(a_lost_session_is_made_up_for_by_the_result, begin),
		cmocka_unit_test_setup(after_the_session_only_the_result_is_shown, begin),
		cmocka_unit_test_setup(a_large_result_is_not_shown_beside_the_cookie, begin),
		cmocka_unit_test_setup(a_result_too_large_for_a_header_lives_as_long_as_its_session, begin),
		cmocka_unit_test_setup(a_result_is_renewed_before_it_expires, begin),
		cmocka_unit_test_setup(a_failed_renewal_leaves_a_result_that_serves, begin),
		cmocka_unit_test_setup(the_configured_lifetime_bounds_every_result, begin),
		cmocka_unit_test_setup(attesting_anew_takes_the_place_of_the_old_result, begin),
		cmocka_unit_test_setup(a_host_in_the_uri_must_be_a_configured_one, begin),
		cmocka_unit_test_setup(closes_every_connection_that_it_opened, begin),
		cmocka_unit_test_setup(a_forked_child_abandons_without_a_word, begin),
		cmocka_unit_test_setup(a_child_drops_the_connections_that_others_use, begin),
		cmocka_unit_test_setup(a_resource_larger_than_configured_is_refused, begin),
		cmocka_unit_test_setup(an_unknown_kind_is_refused, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
