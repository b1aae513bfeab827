#include "kbc/kbc.h"

#include "tests/unit/kbc/fake_kbs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ERROR(variant, detail)                                                                                         \
	"{\"type\":\"https://github.com/confidential-containers/kbs/errors/" variant "\",\"detail\":\"" detail "\"}"
#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define FIRST "http://127.0.0.1:8080"
#define SECOND "http://127.0.0.2:8080"

static struct kbc *client(bool two)
{
	struct kbc_options o = {
		.kind = "cc_kbc",
		.urls = { (char *)FIRST, (char *)SECOND },
		.url_count = two ? 2 : 1,
		.attester = "sample",
		.key_type = "P-256",
		.timeout_ms = 20000,
		.lifetime_ms = 3600000,
		.max_resource = 65536,
	};
	struct kbc *kbc;
	assert_int_equal(kbc_new(&o, fake_kbs(), &kbc, NULL), OK);
	return kbc;
}

static enum err get(struct kbc *kbc, int64_t ms, struct errmsg *em)
{
	struct resource_uri uri;
	AUTO(secret) *got = NULL;
	assert_int_equal(resource_uri_parse("kbs:///default/key/1", &uri, em), OK);
	return kbc_get(kbc, &uri, deadline_in_ms(ms), &got, em);
}

static void must_get(struct kbc *kbc)
{
	struct errmsg em = { "" };
	if (get(kbc, 20000, &em) != OK)
		fail_msg("%s", em.text);
}

static void must_fail(struct kbc *kbc, enum err expected, const char *words)
{
	struct errmsg em = { "" };
	enum err e = get(kbc, 20000, &em);
	if (e != expected || !strstr(em.text, words) || !strstr(em.text, "kbs:///default/key/1"))
		fail_msg("%s \"%s\", not %s \"%s\"", err_name(e), em.text, err_name(expected), words);
}

static int begin(void **state)
{
	(void)state;
	fake_kbs_reset();
	return 0;
}

static void answer(const char *route, long status, const char *body)
{
	fake_kbs_rule((struct fake_rule){ .route = route, .times = 1000, .status = status, .body = body });
}

static void a_refusal_is_told_by_its_type_and_never_retried(void **state)
{
	(void)state;
	static const struct {
		long status;
		const char *body;
		enum err expected;
	} cases[] = {
		{ 401, ERROR("PolicyDeny", "denied by policy"), ERR_DENIED },
		{ 403, ERROR("PolicyDeny", "denied by policy"), ERR_DENIED },
		{ 500, ERROR("PolicyDeny", "denied by policy"), ERR_DENIED },
		{ 403, "", ERR_DENIED },
		{ 401, ERROR("PluginInternalError", "No such file or directory"), ERR_NOT_FOUND },
		{ 401, ERROR("PluginInternalError", "resource does not exist"), ERR_NOT_FOUND },
		{ 404, ERROR("PluginInternalError", "x"), ERR_NOT_FOUND },
		{ 404, "", ERR_NOT_FOUND },
		{ 404, ERROR("PluginNotFound", "x"), ERR_NOT_FOUND },
		{ 401, ERROR("PluginInternalError", "disk on fire"), ERR_PROTO },
		{ 401, ERROR("JweError", "x"), ERR_PROTO },
		{ 400, ERROR("SomethingNew", "x"), ERR_PROTO },
		{ 302, "", ERR_PROTO },
		{ 413, "", ERR_LIMIT },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(true);
		answer("/resource/", cases[i].status, cases[i].body);
		must_fail(kbc, cases[i].expected, "resource: the KBS answers");
		assert_int_equal(fake_kbs_counts().requests, 3);
	}
}

/* Each case on a fresh client; the get after it shows that nothing of it is left. */
static void a_failure_has_its_stage_and_a_success_has_none(void **state)
{
	(void)state;
	static const struct {
		const char *route;
		long status;
		const char *body;
		const char *stage;
	} cases[] = {
		{ "/resource/", 403, ERROR("PolicyDeny", "denied by policy"), "policy" },
		{ "/resource/", 404, "", "resource" },
		{ "/resource/", 200, "{", "parse" },
		{ "/attest", 401, ERROR("AttestationError", "no"), "attest" },
		{ "/attest", 200, "{\"token\":1}", "parse" },
		{ "/auth", 401, "", "attest" },
		{ "/auth", 200, "{", "parse" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		answer(cases[i].route, cases[i].status, cases[i].body);
		struct errmsg em = { "" };
		assert_int_not_equal(get(kbc, 20000, &em), OK);
		assert_non_null(kbc_stage());
		assert_string_equal(kbc_stage(), cases[i].stage);
		fake_kbs_reset();
		AUTO(kbc) *good = client(false);
		must_get(good);
		assert_null(kbc_stage());
	}
}

static void *stage_of_get(void *kbc)
{
	struct errmsg em = { "" };
	return get(kbc, 20000, &em) == OK ? NULL : (void *)kbc_stage();
}

static void a_thread_that_waits_for_an_attestation_knows_its_stage(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){
		.route = "/attest", .times = 1000, .status = 200, .body = "{\"token\":1}", .delay_ms = 200 });
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stage_of_get, kbc), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *stage = NULL;
		assert_int_equal(pthread_join(threads[i], &stage), 0);
		assert_non_null(stage);
		assert_string_equal(stage, "parse");
	}
	assert_int_equal(fake_kbs_counts().requests, 2);
}

static void the_kbs_own_words_are_bounded_and_escaped(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	static char body[3000] = "{\"type\":\"x/PolicyDeny\",\"detail\":\"a\\u001b[31m\\n\\u009b";
	memset(body + strlen(body), 'y', 2500);
	strcat(body, "\"}");
	answer("/resource/", 401, body);
	struct errmsg em = { "" };
	assert_int_equal(get(kbc, 20000, &em), ERR_DENIED);
	assert_non_null(strstr(em.text, "a\\x1b[31m\\x0a\\xc2\\x9byyy"));
	assert_true(strlen(em.text) < 800);
}

static void a_refused_attestation_is_not_retried(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(true);
	answer("/attest", 401, ERROR("AttestationError", "evidence is stale"));
	must_fail(kbc, ERR_ATTEST, "evidence is stale");
	assert_int_equal(fake_kbs_counts().requests, 2);
}

static void a_wrong_address_is_said_to_be_one(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	answer("/auth", 404, "<html>");
	must_fail(kbc, ERR_PROTO, "is this the URL of a KBS?");
}

static void an_unverified_peer_is_not_tried_again_nor_passed_over(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(true);
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .err = ERR_TLS });
	must_fail(kbc, ERR_TLS, "auth: " FIRST);
	assert_int_equal(fake_kbs_counts().requests, 1);
}

static void a_cut_connection_is_tried_again(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .err = ERR_NET });
	fake_kbs_rule((struct fake_rule){ .route = "/resource/", .times = 1, .err = ERR_NET });
	must_get(kbc);
	assert_int_equal(kbc_counts(kbc).retries, 2);
	assert_int_equal(kbc_counts(kbc).handshakes, 1);
	assert_int_equal(fake_kbs_counts().closes, 2); /* a broken client is not used again */
}

static void an_attestation_whose_answer_was_lost_begins_with_a_new_nonce(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/attest", .times = 1, .err = ERR_NET, .after = true });
	must_get(kbc);
	assert_int_equal(fake_kbs_counts().auths, 2);
}

static void a_busy_kbs_is_asked_again_when_it_says(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule(
		(struct fake_rule){ .route = "/resource/", .times = 1, .status = 429, .headers = "retry-after: 1\n" });
	fake_kbs_rule(
		(struct fake_rule){ .route = "/attest", .times = 1, .status = 503, .headers = "retry-after: 1\n" });
	int64_t before = monotonic_ms();
	must_get(kbc);
	assert_true(monotonic_ms() - before >= 2000);
	assert_int_equal(kbc_counts(kbc).retries, 2);
}

static void server_errors_are_tried_again(void **state)
{
	(void)state;
	static const long statuses[] = { 500, 502, 503, 504 };
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .status = statuses[i] });
		must_get(kbc);
	}
}

static void a_wait_that_would_pass_the_deadline_is_not_begun(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 9, .status = 503, .headers = "retry-after: 8\n" });
	struct errmsg em = { "" };
	int64_t before = monotonic_ms();
	assert_int_equal(get(kbc, 6000, &em), ERR_BUSY);
	assert_true(monotonic_ms() - before < 4000);
	assert_int_equal(fake_kbs_counts().requests, 1);
}

static void a_kbs_that_is_down_is_an_error_after_some_tries(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/", .times = 1000, .err = ERR_NET });
	must_fail(kbc, ERR_NET, "auth: " FIRST);
	assert_int_equal(fake_kbs_counts().requests, 5);
}

static void the_next_url_is_tried_and_then_kept(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(true);
	fake_kbs_rule((struct fake_rule){ .route = FIRST, .times = 1000, .err = ERR_NET });
	must_get(kbc);
	assert_int_equal(kbc_counts(kbc).retries, 0);
	must_get(kbc);
	assert_int_equal(fake_kbs_counts().requests, 1 + 3 + 1);
	assert_int_equal(kbc_attest(kbc, true, deadline_in_ms(20000), NULL), OK);
	assert_int_equal(fake_kbs_counts().requests, 1 + 3 + 1 + 2);
}

static void a_result_is_not_shown_to_another_kbs(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(true);
	must_get(kbc);
	fake_kbs_rule((struct fake_rule){ .route = FIRST, .times = 1000, .err = ERR_NET });
	must_get(kbc);
	assert_int_equal(fake_kbs_counts().auths, 2); /* attested anew there */
	assert_memory_equal(fake_kbs_seen().url, SECOND, strlen(SECOND));
}

static void bad_challenges_are_refused(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"",
		"{",
		"[]",
		"{\"extra-params\":\"\"}",
		"{\"nonce\":7,\"extra-params\":\"\"}",
		"{\"nonce\":\"not base64!\",\"extra-params\":\"\"}",
		"{\"nonce\":\"AAAA\",\"extra-params\":\"\"}",
		"{\"nonce\":\"" NONCE "\",\"extra-params\":{\"selected-hash-algorithm\":\"md5\"}}",
		"{\"nonce\":\"" NONCE "\",\"nonce\":\"\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		struct errmsg em = { "" };
		answer("/auth", 200, bodies[i]);
		enum err e = get(kbc, 20000, &em);
		assert_true(e == ERR_PARSE || e == ERR_PROTO);
		assert_int_equal(fake_kbs_counts().requests, 1);
	}
}

static void a_challenge_without_a_session_is_refused(void **state)
{
	(void)state;
	static const char *const headers[] = { "", "set-cookie: other=1\n", "set-cookie: kbs-session-id=\n",
					       "set-cookie: kbs-session-id=a b\n",
					       "set-cookie: kbs-session-id=a\rX: y\n" };
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		fake_kbs_rule((struct fake_rule){ .route = "/auth",
						  .times = 1,
						  .status = 200,
						  .headers = headers[i],
						  .body = "{\"nonce\":\"" NONCE "\",\"extra-params\":\"\"}" });
		must_fail(kbc, ERR_PROTO, "session cookie");
	}
}

static void bad_attestation_results_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		enum err expected;
	} cases[] = {
		{ "", ERR_PARSE },
		{ "{\"token\":null}", ERR_PARSE },
		{ "{\"token\":\"\"}", ERR_PARSE },
		{ "{\"token\":\"a.b\"}", ERR_PARSE },
		{ "{\"token\":\"e30.e30.x\\r\\nEvil: 1\"}", ERR_PARSE },
		{ "{\"token\":\"e30.bm90anNvbg.c2ln\"}", ERR_PARSE },
		{ "{\"token\":\"e30.eyJleHAiOiJ4In0.c2ln\"}", ERR_PARSE }, /* {"exp":"x"} */
		{ "{\"token\":\"e30.eyJleHAiOjEwfQ.c2ln\"}", ERR_EXPIRED }, /* {"exp":10} */
		{ "{\"token\":\"e30.eyJpYXQiOjIwLCJleHAiOjIwfQ.c2ln\"}", ERR_EXPIRED }, /* iat = exp */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		answer("/attest", 200, cases[i].body);
		must_fail(kbc, cases[i].expected, "attestation result");
	}
}

static void bad_answers_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		enum err expected;
	} cases[] = {
		{ "", ERR_PARSE },
		{ "not sealed", ERR_PARSE },
		/* {"alg":"ECDH-ES+A256KW","enc":"A256GCM"}, general */
		{ "{\"protected\":\"eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00ifQ\",\"recipients\":[],\"iv\":"
		  "\"AA\","
		  "\"ciphertext\":\"AA\",\"tag\":\"AA\"}",
		  ERR_UNSUPPORTED },
		{ "{}", ERR_PARSE },
		/* {"alg":"RSA1_5","enc":"A256GCM"} */
		{ "{\"protected\":\"eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMjU2R0NNIn0\",\"encrypted_key\":\"AA\",\"iv\":"
		  "\"AA\","
		  "\"ciphertext\":\"AA\",\"tag\":\"AA\"}",
		  ERR_UNSUPPORTED },
		/* {"alg":"dir","enc":"A256GCM"} */
		{ "{\"protected\":\"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0\",\"encrypted_key\":\"\",\"iv\":\"AA\","
		  "\"ciphertext\":\"AA\",\"tag\":\"AA\"}",
		  ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fake_kbs_reset();
		AUTO(kbc) *kbc = client(false);
		answer("/resource/", 200, cases[i].body);
		must_fail(kbc, cases[i].expected, "cannot be opened");
	}
}

static void an_oversized_answer_is_refused(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	static char body[200000];
	memset(body, ' ', sizeof(body) - 1);
	answer("/resource/", 200, body);
	must_fail(kbc, ERR_LIMIT, "larger than");
}

static void an_answer_sealed_for_another_key_is_refused_and_forgotten(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_behave((struct fake_behaviour){ .seal_for_another = true });
	must_fail(kbc, ERR_INTEGRITY, "cannot be opened");
	fake_kbs_behave((struct fake_behaviour){ .seal_for_another = false });
	must_get(kbc);
	assert_int_equal(fake_kbs_counts().auths, 2);
}

static void a_failure_is_never_latched_but_kept_at_a_distance(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){
		.route = "/attest", .times = 2, .status = 401, .body = ERROR("AttestationError", "not yet") });
	must_fail(kbc, ERR_ATTEST, "not yet");
	int64_t before = monotonic_ms();
	must_fail(kbc, ERR_ATTEST, "not yet");
	assert_true(monotonic_ms() - before >= 100);
	must_get(kbc);
	must_get(kbc);
	assert_int_equal(fake_kbs_counts().auths, 3);
}

static void an_unknown_attester_is_a_fault_of_the_configuration(void **state)
{
	(void)state;
	struct kbc_options o = { .kind = "cc_kbc",
				 .urls = { (char *)FIRST },
				 .url_count = 1,
				 .attester = "nosuch",
				 .key_type = "P-256",
				 .timeout_ms = 1000,
				 .lifetime_ms = 1000,
				 .max_resource = 1000 };
	AUTO(kbc) *kbc = NULL;
	assert_int_equal(kbc_new(&o, fake_kbs(), &kbc, NULL), OK);
	must_fail(kbc, ERR_CONFIG, "evidence");
	assert_int_equal(fake_kbs_counts().requests, 0);
}

struct caller {
	struct kbc *kbc;
	int64_t ms;
	enum err result;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	struct errmsg em = { "" };
	c->result = get(c->kbc, c->ms, &em);
	return NULL;
}

static void a_waiter_takes_over_from_a_leader_that_ran_out_of_time(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .delay_ms = 10000 });
	struct caller hasty = { kbc, 300, OK }, patient = { kbc, 15000, ERR_INTERNAL };
	pthread_t first, second;
	assert_int_equal(pthread_create(&first, NULL, call, &hasty), 0);
	(void)deadline_sleep_ms(deadline_in_ms(1000), 100);
	assert_int_equal(pthread_create(&second, NULL, call, &patient), 0);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	assert_int_equal(hasty.result, ERR_TIMEOUT);
	assert_int_equal(patient.result, OK);
	assert_int_equal(fake_kbs_counts().auths, 1);
}

static void a_waiter_has_a_deadline_of_its_own(void **state)
{
	(void)state;
	AUTO(kbc) *kbc = client(false);
	fake_kbs_rule((struct fake_rule){ .route = "/auth", .times = 1, .delay_ms = 1000 });
	struct caller slow = { kbc, 15000, ERR_INTERNAL };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, call, &slow), 0);
	(void)deadline_sleep_ms(deadline_in_ms(1000), 100);
	struct errmsg em = { "" };
	int64_t before = monotonic_ms();
	assert_int_equal(get(kbc, 200, &em), ERR_TIMEOUT);
	assert_true(monotonic_ms() - before < 800);
	pthread_join(thread, NULL);
	assert_int_equal(slow.result, OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_refusal_is_told_by_its_type_and_never_retried, begin),
		cmocka_unit_test_setup(a_failure_has_its_stage_and_a_success_has_none, begin),
		cmocka_unit_test_setup(a_thread_that_waits_for_an_attestation_knows_its_stage, begin),
		cmocka_unit_test_setup(the_kbs_own_words_are_bounded_and_escaped, begin),
		cmocka_unit_test_setup(a_refused_attestation_is_not_retried, begin),
		cmocka_unit_test_setup(a_wrong_address_is_said_to_be_one, begin),
		cmocka_unit_test_setup(an_unverified_peer_is_not_tried_again_nor_passed_over, begin),
		cmocka_unit_test_setup(a_cut_connection_is_tried_again, begin),
		cmocka_unit_test_setup(an_attestation_whose_answer_was_lost_begins_with_a_new_nonce, begin),
		cmocka_unit_test_setup(a_busy_kbs_is_asked_again_when_it_says, begin),
		cmocka_unit_test_setup(server_errors_are_tried_again, begin),
		cmocka_unit_test_setup(a_wait_that_would_pass_the_deadline_is_not_begun, begin),
		cmocka_unit_test_setup(a_kbs_that_is_down_is_an_error_after_some_tries, begin),
		cmocka_unit_test_setup(the_next_url_is_tried_and_then_kept, begin),
		cmocka_unit_test_setup(a_result_is_not_shown_to_another_kbs, begin),
		cmocka_unit_test_setup(bad_challenges_are_refused, begin),
		cmocka_unit_test_setup(a_challenge_without_a_session_is_refused, begin),
		cmocka_unit_test_setup(bad_attestation_results_are_refused, begin),
		cmocka_unit_test_setup(bad_answers_are_refused, begin),
		cmocka_unit_test_setup(an_oversized_answer_is_refused, begin),
		cmocka_unit_test_setup(an_answer_sealed_for_another_key_is_refused_and_forgotten, begin),
		cmocka_unit_test_setup(a_failure_is_never_latched_but_kept_at_a_distance, begin),
		cmocka_unit_test_setup(an_unknown_attester_is_a_fault_of_the_configuration, begin),
		cmocka_unit_test_setup(a_waiter_takes_over_from_a_leader_that_ran_out_of_time, begin),
		cmocka_unit_test_setup(a_waiter_has_a_deadline_of_its_own, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
