#include "tests/support/check.h"

#include "common/jwk.h"
#include "common/jws.h"
#include "common/libctx.h"
#include "kbs/admin_token.h"
#include "kbs/result.h"

#define NOW 1700000000

static EVP_PKEY *issuer_key;
static EVP_PKEY *other_key;
static EVP_PKEY *tee_key;
static struct result_issuer issuer;

static int setup(void **state)
{
	(void)state;
	issuer_key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	other_key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256");
	tee_key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-521");
	issuer = (struct result_issuer){ issuer_key, "kbs-server", 300 };
	return issuer_key && other_key && tee_key ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(issuer_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(tee_key);
	return 0;
}

/* ---- attestation results ---- */

static char *issue(const struct result_issuer *by, const char *tee)
{
	char *jwt = NULL;
	json_object *jwk = NULL;
	check_ok(jwk_from_public(tee_key, "ECDH-ES+A256KW", &jwk, &em));
	json_object *runtime = json_object_new_object();
	json_object *claims = json_object_new_object();
	json_object_object_add(runtime, "nonce", json_object_new_string("n/n="));
	json_object_object_add(runtime, "tee-pubkey", jwk);
	json_object_object_add(claims, "svn", json_object_new_string("1"));
	struct result_facts facts = { .tee = tee, .runtime_data = runtime, .claims = claims, .now = NOW };
	facts.report_data.len = 48;
	check_ok(result_issue(by, &facts, &jwt, &em));
	json_object_put(runtime);
	json_object_put(claims);
	return jwt;
}

static enum err check(const char *jwt, int64_t now)
{
	AUTO_GRANT grant = { .key = NULL };
	return result_check(&issuer, bytes_str(jwt), now, &grant, &em);
}

static void takes_back_its_own_result(void **state)
{
	(void)state;
	AUTO_GRANT grant = { .key = NULL };
	AUTO_STR
	char *jwt = issue(&issuer, "sample");
	check_ok(result_check(&issuer, bytes_str(jwt), NOW + 299, &grant, &em));
	assert_string_equal(grant.tee, "sample");
	assert_int_equal(EVP_PKEY_eq(grant.key, tee_key), 1);
}

static json_object *member(json_object *obj, const char *name)
{
	json_object *value = NULL;
	if (!json_object_object_get_ex(obj, name, &value))
		fail_msg("no member \"%s\"", name);
	return value;
}

static void has_the_shape_that_clients_read(void **state)
{
	(void)state;
	AUTO_STR
	char *jwt = issue(&issuer, "sample");
	AUTO(jws) *jws = NULL;
	AUTO_OF(json_object) *claims = NULL;
	check_ok(jws_parse(bytes_str(jwt), &jws, &em));
	assert_string_equal(json_object_get_string(member(jws->header, "typ")), "JWT");
	assert_string_equal(json_object_get_string(member(jws->header, "alg")), "ES256");
	AUTO_OF(EVP_PKEY) *named = NULL;
	check_ok(jwk_to_public(member(jws->header, "jwk"), &named, &em));
	check_ok(jws_verify(jws, named, &em));
	check_ok(json_parse(buf_bytes(&jws->payload), 1 << 20, JSON_STRICT, &claims, &em));
	assert_int_equal(json_object_get_int64(member(claims, "exp")), NOW + 300);
	assert_int_equal(json_object_get_int64(member(claims, "iat")), NOW);
	assert_string_equal(json_object_get_string(member(claims, "iss")), "kbs-server");
	member(claims, "eat_profile");
	member(member(claims, "ear.verifier-id"), "developer");
	json_object *cpu = member(member(claims, "submods"), "cpu0");
	member(cpu, "ear.trustworthiness-vector");
	member(cpu, "ear.appraisal-policy-id");
	json_object *evidence = member(cpu, "ear.veraison.annotated-evidence");
	member(evidence, "report_data");
	member(member(evidence, "sample"), "svn");
	member(member(evidence, "runtime_data_claims"), "tee-pubkey");
}

static void affirms_nothing_for_the_sample_tee(void **state)
{
	(void)state;
	static const char *const tees[][2] = { { "sample", "none" }, { "tdx", "warning" } };
	for (size_t i = 0; i < ARRAY_LEN(tees); i++) {
		AUTO_STR
		char *jwt = issue(&issuer, tees[i][0]);
		AUTO(jws) *jws = NULL;
		AUTO_OF(json_object) *claims = NULL;
		check_ok(jws_parse(bytes_str(jwt), &jws, &em));
		check_ok(json_parse(buf_bytes(&jws->payload), 1 << 20, JSON_STRICT, &claims, &em));
		json_object *cpu = member(member(claims, "submods"), "cpu0");
		assert_string_equal(json_object_get_string(member(cpu, "ear.status")), tees[i][1]);
	}
}

static void refuses_an_expired_result(void **state)
{
	(void)state;
	AUTO_STR
	char *jwt = issue(&issuer, "sample");
	check_err(ERR_EXPIRED, check(jwt, NOW + 300));
}

/* Its header names the key that signed it, and that is not ours. */
static void refuses_a_result_of_another_key(void **state)
{
	(void)state;
	struct result_issuer other = { other_key, "kbs-server", 300 };
	AUTO_STR
	char *jwt = issue(&other, "sample");
	check_err(ERR_INTEGRITY, check(jwt, NOW));
}

static void refuses_a_result_of_another_name(void **state)
{
	(void)state;
	struct result_issuer other = { issuer_key, "another", 300 };
	AUTO_STR
	char *jwt = issue(&other, "sample");
	check_err(ERR_AUTH, check(jwt, NOW));
}

static void refuses_a_result_that_was_changed(void **state)
{
	(void)state;
	AUTO_STR
	char *jwt = issue(&issuer, "sample");
	for (size_t at = 0; at < strlen(jwt); at += 7) {
		char was = jwt[at];
		jwt[at] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(check(jwt, NOW), OK);
		jwt[at] = was;
	}
	check_ok(check(jwt, NOW));
}

static void refuses_a_signed_result_without_its_claims(void **state)
{
	(void)state;
	static const char *const payloads[] = {
		"{}",
		"[]",
		"{\"exp\":1800000000,\"iss\":\"kbs-server\"}",
		"{\"exp\":1800000000,\"iss\":\"kbs-server\",\"submods\":{\"cpu0\":{}}}",
		("{\"exp\":1800000000,\"iss\":\"kbs-server\",\"submods\":{\"cpu0\":{\"ear.veraison.annotated-"
		 "evidence\":"
		 "{\"runtime_data_claims\":{\"tee-pubkey\":{}}}}}}"),
		"{\"exp\":1800000000,\"role\":\"admin\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
		AUTO_STR
		char *jwt = NULL;
		check_ok(jws_sign(issuer_key, NULL, bytes_str(payloads[i]), &jwt, &em));
		assert_int_not_equal(check(jwt, NOW), OK);
	}
}

/* ---- administrator's tokens ---- */

static enum err admin_check(EVP_PKEY *trusted, const char *jwt, int64_t now)
{
	struct admin_keys keys = { { other_key, trusted }, 2 };
	return admin_token_check(&keys, bytes_str(jwt), now, NULL, &em);
}

static void takes_admin_tokens_of_all_key_kinds(void **state)
{
	(void)state;
	EVP_PKEY *keys[] = {
		EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519"),
		EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-256"),
		EVP_PKEY_Q_keygen(libctx(), NULL, "EC", "P-384"),
		EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2048),
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_STR
		char *jwt = NULL;
		assert_non_null(keys[i]);
		check_ok(admin_token_make(keys[i], NULL, NOW, &jwt, &em));
		check_ok(admin_check(keys[i], jwt, NOW + 59));
		check_err(ERR_EXPIRED, admin_check(keys[i], jwt, NOW + 60));
		check_err(ERR_INTEGRITY, admin_check(issuer_key, jwt, NOW));
		EVP_PKEY_free(keys[i]);
	}
}

static void demands_role_and_exp(void **state)
{
	(void)state;
	static const struct {
		const char *payload;
		enum err wanted;
	} rows[] = {
		{ "{\"role\":\"admin\"}", ERR_PARSE },
		{ "{\"exp\":1700000010}", ERR_PARSE },
		{ "{\"exp\":1700000010,\"role\":\"user\"}", ERR_AUTH },
		{ "{\"exp\":1700000010,\"role\":[\"admin\"]}", ERR_PARSE },
		{ "{\"exp\":\"1700000010\",\"role\":\"admin\"}", ERR_PARSE },
		{ "{\"exp\":1700000010,\"nbf\":1700000005,\"role\":\"admin\"}", ERR_EXPIRED },
		{ "not json", ERR_PARSE },
		{ "{\"exp\":1700000010,\"role\":\"admin\"}", OK },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR
		char *jwt = NULL;
		check_ok(jws_sign(issuer_key, NULL, bytes_str(rows[i].payload), &jwt, &em));
		check_result(rows[i].wanted, admin_check(issuer_key, jwt, NOW), rows[i].payload, __FILE__, __LINE__);
	}
}

static void refuses_admin_tokens_without_a_signature(void **state)
{
	(void)state;
	/* {"alg":"none"}.{"exp":1800000000,"role":"admin"}. */
	assert_int_not_equal(
		admin_check(issuer_key, "eyJhbGciOiJub25lIn0.eyJleHAiOjE4MDAwMDAwMDAsInJvbGUiOiJhZG1pbiJ9.", NOW), OK);
	assert_int_not_equal(admin_check(issuer_key, "", NOW), OK);
	assert_int_not_equal(admin_check(issuer_key, "..", NOW), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_back_its_own_result),
		cmocka_unit_test(has_the_shape_that_clients_read),
		cmocka_unit_test(affirms_nothing_for_the_sample_tee),
		cmocka_unit_test(refuses_an_expired_result),
		cmocka_unit_test(refuses_a_result_of_another_key),
		cmocka_unit_test(refuses_a_result_of_another_name),
		cmocka_unit_test(refuses_a_result_that_was_changed),
		cmocka_unit_test(refuses_a_signed_result_without_its_claims),
		cmocka_unit_test(takes_admin_tokens_of_all_key_kinds),
		cmocka_unit_test(demands_role_and_exp),
		cmocka_unit_test(refuses_admin_tokens_without_a_signature),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
