#include "common/jws.h"

#include "common/base64.h"
#include "common/jwk.h"
#include "tests/support/vector.h"

static EVP_PKEY *public_key(const char *name)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *jwk = NULL;
	EVP_PKEY *key = NULL;
	vector_read(name, &text);
	check_ok(json_parse(buf_bytes(&text), 65536, JSON_STRICT, &jwk, &em));
	check_ok(jwk_to_public(jwk, &key, &em));
	return key;
}

static EVP_PKEY *private_key(const char *name)
{
	AUTO_BUF
	text = { 0 };
	EVP_PKEY *key = NULL;
	vector_read(name, &text);
	check_ok(key_private_parse(buf_bytes(&text), NULL, &key, &em));
	return key;
}

static enum err verify_text(const char *text, EVP_PKEY *key)
{
	AUTO(jws) *jws = NULL;
	enum err e = jws_parse(bytes_str(text), &jws, &em);
	return e == OK ? jws_verify(jws, key, &em) : e;
}

/* HEADER.PAYLOAD.SIGNATURE with another header, signed anew by nobody. */
static char *with_header(const char *compact, const char *header)
{
	AUTO_STR
	char *encoded = base64_encode(BASE64_URL, bytes_str(header));
	char *text = NULL;
	assert_true(asprintf(&text, "%s%s", encoded, strchr(compact, '.')) > 0);
	return text;
}

static void verifies_the_published_examples(void **state)
{
	(void)state;
	static const char *const names[] = { "rfc7515-a2", "rfc7515-a3", "rfc7515-a4", "rfc8037-a4" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];
		AUTO_BUF
		text = { 0 };
		snprintf(path, sizeof path, "jose/%s.jwk", names[i]);
		AUTO_OF(EVP_PKEY) *key = public_key(path);
		snprintf(path, sizeof path, "jose/%s.jws", names[i]);
		vector_read(path, &text);
		if (verify_text(buf_cstr(&text), key) != OK)
			fail_msg("%s: %s", names[i], em.text);
		/* Every character of the signature counts. */
		for (size_t at = 0; at < text.len; at++) {
			uint8_t before = text.data[at];
			text.data[at] = before == 'A' ? 'B' : 'A';
			if (before != 'A' && verify_text(buf_cstr(&text), key) == OK)
				fail_msg("%s: character %zu changed, and still good", names[i], at);
			text.data[at] = before;
		}
	}
}

static void signs_with_every_kind_of_key(void **state)
{
	(void)state;
	static const char *const keys[][2] = { { "keys/ec256.jwk", "ES256" },
					       { "keys/ec384.jwk", "ES384" },
					       { "keys/ec521.jwk", "ES512" },
					       { "keys/ed25519.pem", "EdDSA" },
					       { "keys/rsa.jwk", "PS256" } };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		AUTO_OF(EVP_PKEY) *key = private_key(keys[i][0]);
		AUTO_OF(json_object) *header = json_object_new_object();
		json_object_object_add(header, "typ", json_object_new_string("JWT"));
		json_object_object_add(header, "alg", json_object_new_string("none"));
		/* Often enough for an R or S with a zero in front. */
		for (int n = 0; n < (i < 3 ? 200 : 2); n++) {
			AUTO_STR
			char *compact = NULL;
			AUTO(jws) *jws = NULL;
			const char *alg = NULL;
			check_ok(jws_sign(key, header, bytes_str("{\"role\":\"admin\"}"), &compact, &em));
			check_ok(jws_parse(bytes_str(compact), &jws, &em));
			check_ok(json_get_string(jws->header, "alg", &alg, &em));
			assert_string_equal(alg, keys[i][1]);
			check_bytes(bytes_str("{\"role\":\"admin\"}"), buf_bytes(&jws->payload));
			check_ok(jws_verify(jws, key, &em));
		}
	}
	AUTO_OF(EVP_PKEY) *agreement = private_key("keys/x25519.pem");
	char *none = NULL;
	check_err(ERR_KEY, jws_sign(agreement, NULL, bytes_str("x"), &none, &em));
}

static void refuses_another_key_of_the_same_kind(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *signer = private_key("keys/ec256.jwk");
	AUTO_OF(EVP_PKEY) *other = public_key("jose/rfc7515-a3.jwk");
	AUTO_STR
	char *compact = NULL;
	check_ok(jws_sign(signer, NULL, bytes_str("x"), &compact, &em));
	check_err(ERR_INTEGRITY, verify_text(compact, other));
}

static void refuses_an_algorithm_that_is_not_the_keys(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *ec = private_key("keys/ec256.jwk");
	AUTO_OF(EVP_PKEY) *ec384 = private_key("keys/ec384.jwk");
	AUTO_OF(EVP_PKEY) *rsa = private_key("keys/rsa.jwk");
	AUTO_STR
	char *compact = NULL;
	check_ok(jws_sign(ec, NULL, bytes_str("x"), &compact, &em));
	check_err(ERR_INTEGRITY, verify_text(compact, rsa));
	check_err(ERR_INTEGRITY, verify_text(compact, ec384));
	static const char *const headers[] = { "{\"alg\":\"none\"}",  "{\"alg\":\"HS256\"}", "{\"alg\":\"ES384\"}",
					       "{\"alg\":\"RS256\"}", "{\"alg\":\"es256\"}", "{\"alg\":\"\"}" };
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		AUTO_STR
		char *text = with_header(compact, headers[i]);
		check_err(ERR_INTEGRITY, verify_text(text, ec));
	}
	AUTO_STR
	char *unsigned_text = NULL;
	assert_true(asprintf(&unsigned_text, "eyJhbGciOiJub25lIn0.e30.") > 0);
	check_err(ERR_INTEGRITY, verify_text(unsigned_text, ec));
}

static void refuses_critical_extensions(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ed25519.pem");
	AUTO_OF(json_object) *header = NULL;
	AUTO_STR
	char *compact = NULL;
	check_ok(json_parse(bytes_str("{\"crit\":[\"exp\"],\"exp\":1}"), 100, JSON_STRICT, &header, &em));
	check_ok(jws_sign(key, header, bytes_str("x"), &compact, &em));
	check_err(ERR_UNSUPPORTED, verify_text(compact, key));
}

static void refuses_malformed_text(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = private_key("keys/ed25519.pem");
	static const char *const texts[] = {
		"",
		".",
		"..",
		"...",
		"a.b",
		"eyJhbGciOiJFZERTQSJ9.e30",
		"eyJhbGciOiJFZERTQSJ9.e30.AA.AA",
		"e30.e30.AA",
		"W10.e30.AA",
		"eyJhbGciOiJFZERTQSJ9.e30=.AA",
		"eyJhbGciOiJFZERTQSJ9. e30.AA",
		"eyJhbGciOjF9.e30.AA",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (verify_text(texts[i], key) != ERR_PARSE)
			fail_msg("\"%s\": %s", texts[i], em.text);
}

static enum err check_times(const char *claims, int64_t now, int64_t leeway, int64_t *exp)
{
	AUTO_OF(json_object) *parsed = NULL;
	check_ok(json_parse(bytes_str(claims), 1000, JSON_STRICT, &parsed, &em));
	return jwt_check_times(parsed, now, leeway, exp, &em);
}

static void holds_tokens_against_the_clock(void **state)
{
	(void)state;
	int64_t exp = 0;
	check_ok(check_times("{\"exp\":1000,\"nbf\":900}", 950, 0, &exp));
	assert_int_equal(exp, 1000);
	check_ok(check_times("{\"exp\":1000.75}", 999, 0, &exp));
	assert_int_equal(exp, 1000);
	check_err(ERR_EXPIRED, check_times("{\"exp\":1000}", 1000, 0, NULL));
	check_ok(check_times("{\"exp\":1000}", 1004, 5, NULL));
	check_err(ERR_EXPIRED, check_times("{\"exp\":1000}", 1005, 5, NULL));
	check_err(ERR_EXPIRED, check_times("{\"exp\":1000,\"nbf\":900}", 899, 0, NULL));
	check_ok(check_times("{\"exp\":1000,\"nbf\":900}", 895, 5, NULL));
	check_err(ERR_PARSE, check_times("{}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":\"1000\"}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":null}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":-1}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":1e300}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":9223372036854775807}", 1, 0, NULL));
	check_err(ERR_PARSE, check_times("{\"exp\":1000,\"nbf\":\"x\"}", 1, 0, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_the_published_examples),
		cmocka_unit_test(signs_with_every_kind_of_key),
		cmocka_unit_test(refuses_another_key_of_the_same_kind),
		cmocka_unit_test(refuses_an_algorithm_that_is_not_the_keys),
		cmocka_unit_test(refuses_critical_extensions),
		cmocka_unit_test(refuses_malformed_text),
		cmocka_unit_test(holds_tokens_against_the_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
