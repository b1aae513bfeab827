#include "attest/attester.h"
#include "attest/verifier.h"
#include "common/base64.h"
#include "tests/support/check.h"

#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
/* SHA-384, KBS protocol 0.4.0 */
#define VECTOR "c659c8450cacb5fe3dd38b1bb0af9a913b9ec007da5cdc7f7807dd73ec4d041229db45f981c5470dec705ae2270eac11"

static json_object *parse(const char *text)
{
	json_object *out = NULL;
	check_ok(json_parse(bytes_str(text), 65536, JSON_STRICT, &out, &em));
	return out;
}

/* The members in another order than the canonical one. */
static struct attest_digest report_data(const char *hash, const char *nonce)
{
	AUTO_OF(json_object) *key =
		parse("{\"kty\":\"EC\",\"y\":\"Ag\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"AQ\"}");
	struct attest_runtime_data data = { "", nonce, key };
	struct attest_digest out = { { 0 }, 0 };
	check_ok(attest_report_data(hash, &data, &out, &em));
	return out;
}

static void report_data_are_as_the_protocol_says(void **state)
{
	(void)state;
	static const char *const names[] = { NULL, "sha384", "SHA384", "Sha384" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct attest_digest d = report_data(names[i], NONCE);
		AUTO_STR
		char *hex = hex_encode((struct bytes){ d.data, d.len });
		assert_string_equal(hex, VECTOR);
	}
	assert_int_equal(report_data("sha256", NONCE).len, 32);
	assert_int_equal(report_data("SHA512", NONCE).len, 64);
}

/* echo -n '{"additional-evidence":"","nonce":"//++","tee-pubkey":{...}}' | openssl sha256: no "\/" in it. */
static void a_slash_in_the_nonce_is_hashed_as_it_stands(void **state)
{
	(void)state;
	struct attest_digest d = report_data("sha256", "//++");
	AUTO_STR
	char *hex = hex_encode((struct bytes){ d.data, d.len });
	assert_string_equal(hex, "fdb39ff30c6641234c82e6985d29ce1be1af7dc810b201608155b5911fddc0d8");
}

static void refuses_hashes_that_the_protocol_does_not_know(void **state)
{
	(void)state;
	AUTO_OF(json_object) *key = parse("{}");
	AUTO_OF(json_object) *list = parse("[]");
	struct attest_runtime_data data = { "", NONCE, key };
	struct attest_digest out;
	static const char *const names[] = { "sha1", "md5", "", "sha3-256" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_err(ERR_UNSUPPORTED, attest_report_data(names[i], &data, &out, &em));
	data.tee_pubkey = list;
	check_err(ERR_PARSE, attest_report_data(NULL, &data, &out, &em));
}

static void knows_the_tees_of_the_protocol(void **state)
{
	(void)state;
	assert_true(attest_tee_known("sample"));
	assert_true(attest_tee_known("az-tdx-vtpm"));
	assert_false(attest_tee_known("Sample"));
	assert_false(attest_tee_known("nvidia"));
	assert_false(attest_tee_known(""));
}

static void auto_never_gives_the_sample_attester(void **state)
{
	(void)state;
	const struct attester *a = NULL;
	struct attester_machine empty = { "/nonexistent", NULL };
	check_err(ERR_ATTEST, attester_find("auto", &empty, &a, &em));
	static const char *const looked[] = { "/dev/attestation/attestation_type", "/dev/tdx_guest", "/dev/sev-guest",
					      "/sys/kernel/config/tsm/report", "/dev/tpmrm0" };
	const char *at = em.text;
	for (size_t i = 0; i < ARRAY_LEN(looked); i++) {
		at = strstr(at, looked[i]);
		assert_non_null(at);
	}
	check_ok(attester_find("sample", &empty, &a, &em));
	assert_string_equal(attester_tee(a), "sample");
}

static void refuses_attesters_that_it_does_not_have(void **state)
{
	(void)state;
	const struct attester *a = NULL;
	static const char *const names[] = { "", "Sample", "csv", "se", "no-such" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_err(ERR_CONFIG, attester_find(names[i], NULL, &a, &em));
	assert_null(a);
}

static json_object *sample_evidence(const struct attest_digest *d)
{
	const struct attester *a = NULL;
	json_object *evidence = NULL;
	struct attester_request request = { NULL, d, deadline_in_ms(1000) };
	check_ok(attester_find("sample", NULL, &a, &em));
	check_ok(attester_evidence(a, &request, &evidence, &em));
	return evidence;
}

static enum err check_evidence(json_object *evidence, const struct attest_digest *d, bool allow, json_object **claims)
{
	struct verifier_policy policy = { .allow_sample = allow };
	struct verifier_request request = { "sample", evidence, d, NULL };
	return verifier_check(&policy, &request, claims, &em);
}

static void sample_evidence_is_verified_and_bound(void **state)
{
	(void)state;
	struct attest_digest d = report_data(NULL, NONCE);
	struct attest_digest other = report_data(NULL, "AAAB");
	struct attest_digest shorter = report_data("sha256", NONCE);
	AUTO_OF(json_object) *evidence = sample_evidence(&d);
	AUTO_OF(json_object) *claims = NULL;
	AUTO_STR
	char *text = json_text(evidence);
	assert_string_equal(text, "{\"svn\":\"1\",\"report_data\":"
				  "\"xlnIRQystf4904sbsK+akTuewAfaXNx/eAfdc+xNBBIp20X5gcVHDexwWuInDqwR\"}");

	check_ok(check_evidence(evidence, &d, true, &claims));
	AUTO_STR
	char *said = json_text(claims);
	assert_string_equal(said, text);

	AUTO_OF(json_object) *none = NULL;
	check_err(ERR_ATTEST, check_evidence(evidence, &d, false, &none));
	check_err(ERR_ATTEST, check_evidence(evidence, &other, true, &none));
	check_err(ERR_ATTEST, check_evidence(evidence, &shorter, true, &none));
	assert_null(none);
}

static void refuses_malformed_sample_evidence(void **state)
{
	(void)state;
	struct attest_digest d = report_data(NULL, NONCE);
	static const char *const texts[] = { "{}",
					     "[]",
					     "{\"svn\":\"1\"}",
					     "{\"svn\":1,\"report_data\":\"AAAA\"}",
					     "{\"svn\":\"1\",\"report_data\":\"AA\"}",
					     "{\"svn\":\"1\",\"report_data\":\"A A=\"}",
					     "{\"svn\":\"1\",\"report_data\":null}" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_OF(json_object) *evidence = parse(texts[i]);
		json_object *claims = NULL;
		check_err(ERR_PARSE, check_evidence(evidence, &d, true, &claims));
		assert_null(claims);
	}
}

static void refuses_evidence_of_tees_it_cannot_judge(void **state)
{
	(void)state;
	struct attest_digest d = report_data(NULL, NONCE);
	AUTO_OF(json_object) *evidence = sample_evidence(&d);
	json_object *claims = NULL;
	struct verifier_policy policy = { .allow_sample = true };
	struct verifier_request request = { "cca", evidence, &d, NULL };
	check_err(ERR_UNSUPPORTED, verifier_check(&policy, &request, &claims, &em));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_data_are_as_the_protocol_says),
		cmocka_unit_test(a_slash_in_the_nonce_is_hashed_as_it_stands),
		cmocka_unit_test(refuses_hashes_that_the_protocol_does_not_know),
		cmocka_unit_test(knows_the_tees_of_the_protocol),
		cmocka_unit_test(auto_never_gives_the_sample_attester),
		cmocka_unit_test(refuses_attesters_that_it_does_not_have),
		cmocka_unit_test(sample_evidence_is_verified_and_bound),
		cmocka_unit_test(refuses_malformed_sample_evidence),
		cmocka_unit_test(refuses_evidence_of_tees_it_cannot_judge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
