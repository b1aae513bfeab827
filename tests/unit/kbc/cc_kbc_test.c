#include "kbc/cc_kbc.h"

#include "attest/attest.h"
#include "common/base64.h"
#include "kbc/cc_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The protocol to the byte: KBS protocol 0.4.0. The vector of its "Report data" is spelled out here: its public key has
 * coordinates 1 and 2, its nonce is 32 zero bytes. */
#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PUBKEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"AQ\",\"y\":\"Ag\"}"
#define COOKIE "kbs-session-id=0123456789abcdef0123456789abcdef"
#define NOW 1700000000

static json_object *parse(const char *text)
{
	json_object *value = NULL;
	assert_int_equal(json_parse(bytes_str(text), 4096, JSON_STRICT, &value, NULL), OK);
	return value;
}

static struct http_response answer(long status, const char *headers, const char *body)
{
	struct http_response resp = { .status = status };
	assert_int_equal(buf_append(&resp.headers, bytes_str(headers), 0, NULL), OK);
	assert_int_equal(buf_append(&resp.body, bytes_str(body), 0, NULL), OK);
	return resp;
}

static struct cc_handshake *handshake(json_object *pubkey)
{
	struct cc_handshake *h = NULL;
	assert_int_equal(cc_handshake_new((struct cc_handshake_setup){ "sample", pubkey, NOW, NULL }, &h, NULL), OK);
	return h;
}

static void assert_body(const struct cc_request *r, const char *expected)
{
	assert_int_equal(r->body.len, strlen(expected));
	assert_memory_equal(r->body.data, expected, r->body.len);
}

static void assert_header(const struct cc_request *r, size_t i, const char *name, const char *value)
{
	assert_true(i < r->header_count);
	assert_string_equal(r->headers[i].name, name);
	assert_string_equal(r->headers[i].value, value);
}

static enum err challenge(struct cc_handshake *h, const char *body, struct errmsg *em)
{
	AUTO_HTTP_RESPONSE resp = answer(200, "date: x\nset-cookie: " COOKIE "\n", body);
	return cc_handshake_answer(h, &resp, em);
}

static void devices_and_init_data_go_along_and_are_bound(void **state)
{
	(void)state;
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	AUTO_OF(json_object) *evidence = parse("{\"a\":1}");
	AUTO(init_data) *init_data = NULL;
	AUTO(cc_handshake) *h = NULL;
	struct attest_digest plain, device;
	assert_int_equal(init_data_parse(bytes_str("version='0.1.0'\nalgorithm=\"sha384\"\n"), &init_data, NULL), OK);
	assert_int_equal(cc_handshake_new((struct cc_handshake_setup){ "tdx", pubkey, NOW, init_data }, &h, NULL), OK);
	assert_int_equal(cc_handshake_device_data(h, &device, NULL), ERR_MISUSE);
	assert_int_equal(challenge(h, "{\"nonce\":\"" NONCE "\",\"extra-params\":\"\"}", NULL), OK);
	plain = *cc_handshake_report_data(h);
	assert_int_equal(cc_handshake_device_data(h, &device, NULL), OK);
	assert_memory_not_equal(plain.data, device.data, device.len);
	assert_int_equal(cc_handshake_additional(h, strdup("{\"d\":{}}"), NULL), OK);
	assert_memory_not_equal(plain.data, cc_handshake_report_data(h)->data, plain.len);
	assert_int_equal(cc_handshake_evidence(h, evidence, NULL), OK);
	AUTO_OF(json_object) *body = NULL;
	assert_int_equal(json_parse(cc_handshake_request(h)->body, 10000, JSON_STRICT, &body, NULL), OK);
	AUTO_STR
	char *init = json_text(json_object_object_get(body, "init-data"));
	AUTO_STR
	char *all = json_text(json_object_object_get(body, "tee-evidence"));
	assert_string_equal(init, "{\"format\":\"toml\",\"body\":\"version='0.1.0'\\nalgorithm=\\\"sha384\\\"\\n\"}");
	assert_string_equal(all, "{\"primary_evidence\":{\"a\":1},\"additional_evidence\":\"{\\\"d\\\":{}}\"}");
}

static void a_handshake_to_the_byte(void **state)
{
	(void)state;
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	AUTO_OF(json_object) *evidence = parse("{\"svn\":\"1\",\"report_data\":\"/+8=\"}");
	AUTO(cc_handshake) *h = handshake(pubkey);

	assert_int_equal(cc_handshake_want(h), CC_WANT_SEND);
	const struct cc_request *r = cc_handshake_request(h);
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->target, "/kbs/v0/auth");
	assert_int_equal(r->header_count, 1);
	assert_header(r, 0, "Content-Type", "application/json");
	assert_body(r, "{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":"
		       "{\"supported-hash-algorithms\":[\"sha256\",\"sha384\",\"sha512\"]}}");

	assert_int_equal(challenge(h, "{\"nonce\":\"" NONCE "\",\"extra-params\":\"\"}", NULL), OK);
	assert_int_equal(cc_handshake_want(h), CC_WANT_EVIDENCE);
	const struct attest_digest *d = cc_handshake_report_data(h);
	AUTO_STR
	char *hex = hex_encode((struct bytes){ d->data, d->len });
	assert_string_equal(hex, "c659c8450cacb5fe3dd38b1bb0af9a913b9ec007da5cdc7f7807dd73ec4d0412"
				 "29db45f981c5470dec705ae2270eac11");

	assert_int_equal(cc_handshake_evidence(h, evidence, NULL), OK);
	assert_int_equal(cc_handshake_want(h), CC_WANT_SEND);
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->target, "/kbs/v0/attest");
	assert_int_equal(r->header_count, 2);
	assert_header(r, 1, "Cookie", COOKIE);
	assert_body(r, "{\"init-data\":null,\"runtime-data\":{\"nonce\":\"" NONCE "\",\"tee-pubkey\":" PUBKEY "},"
		       "\"tee-evidence\":{\"primary_evidence\":{\"svn\":\"1\",\"report_data\":\"/+8=\"},"
		       "\"additional_evidence\":\"\"}}");

	/* {"iat":1000,"exp":1300}: by the KBS's own clock, whatever ours says. */
	AUTO_HTTP_RESPONSE resp = answer(200, "", "{\"token\":\"e30.eyJpYXQiOjEwMDAsImV4cCI6MTMwMH0.c2ln\"}");
	assert_int_equal(cc_handshake_answer(h, &resp, NULL), OK);
	assert_int_equal(cc_handshake_want(h), CC_WANT_NOTHING);
	struct cc_grant grant;
	cc_handshake_take(h, &grant);
	assert_int_equal(grant.valid_s, 300);
	assert_int_equal(grant.session_s, 300);
	assert_string_equal(secret_data(grant.cookie), COOKIE);
	assert_string_equal(secret_data(grant.bearer), "Bearer e30.eyJpYXQiOjEwMDAsImV4cCI6MTMwMH0.c2ln");
	cc_grant_clear(&grant);
}

static void the_selected_hash_makes_the_report_data(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t len;
	} hashes[] = { { "sha256", 32 }, { "SHA384", 48 }, { "Sha512", 64 } };
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		AUTO(cc_handshake) *h = handshake(pubkey);
		char body[256];
		snprintf(body, sizeof(body),
			 "{\"nonce\":\"" NONCE "\",\"extra-params\":{\"selected-hash-algorithm\":\"%s\",\"x\":1}}",
			 hashes[i].name);
		assert_int_equal(challenge(h, body, NULL), OK);
		assert_int_equal(cc_handshake_report_data(h)->len, hashes[i].len);
	}
}

static void extra_parameters_may_be_absent_or_of_any_kind(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"{\"nonce\":\"" NONCE "\"}",
		"{\"nonce\":\"" NONCE "\",\"extra-params\":null}",
		"{\"nonce\":\"" NONCE "\",\"extra-params\":{}}",
		"{\"nonce\":\"" NONCE "\",\"extra-params\":{\"selected-hash-algorithm\":null},\"new\":[]}",
	};
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		AUTO(cc_handshake) *h = handshake(pubkey);
		assert_int_equal(challenge(h, bodies[i], NULL), OK);
		assert_int_equal(cc_handshake_report_data(h)->len, 48);
	}
}

static void a_nonce_of_a_strange_size_is_refused(void **state)
{
	(void)state;
	static const char *const nonces[] = {
		"",
		"AAAAAAAAAAAAAAAAAAAA", /* 15 bytes */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* 66 */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* without padding */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_A=", /* the URL alphabet */
	};
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		AUTO(cc_handshake) *h = handshake(pubkey);
		struct errmsg em = { "" };
		char body[256];
		snprintf(body, sizeof(body), "{\"nonce\":\"%s\",\"extra-params\":\"\"}", nonces[i]);
		assert_int_equal(challenge(h, body, &em), ERR_PROTO);
		assert_non_null(strstr(em.text, "nonce"));
		assert_int_equal(cc_handshake_want(h), CC_WANT_NOTHING);
	}
}

static void a_machine_that_failed_takes_nothing_more(void **state)
{
	(void)state;
	AUTO_OF(json_object) *pubkey = parse(PUBKEY);
	AUTO(cc_handshake) *h = handshake(pubkey);
	assert_int_equal(cc_handshake_evidence(h, pubkey, NULL), ERR_MISUSE);
	assert_int_equal(challenge(h, "{}", NULL), ERR_PARSE);
	assert_int_equal(challenge(h, "{\"nonce\":\"" NONCE "\"}", NULL), ERR_MISUSE);
	assert_int_equal(cc_handshake_evidence(h, pubkey, NULL), ERR_MISUSE);
}

static struct cc_get *get_for(const char *text)
{
	struct resource_uri uri;
	struct cc_get *g = NULL;
	assert_int_equal(resource_uri_parse(text, &uri, NULL), OK);
	assert_int_equal(cc_get_new(&uri, &g, NULL), OK);
	return g;
}

static struct secret *header_secret(const char *text)
{
	struct secret *s = NULL;
	assert_int_equal(secret_copy((struct bytes){ (const uint8_t *)text, strlen(text) + 1 }, &s, NULL), OK);
	return s;
}

static void a_resource_request_to_the_byte(void **state)
{
	(void)state;
	AUTO(cc_get) *g = get_for("kbs:///default/key/1");
	AUTO(secret) *cookie = header_secret(COOKIE);
	AUTO(secret) *bearer = header_secret("Bearer a.b.c");
	assert_int_equal(cc_get_want(g), CC_WANT_CREDENTIALS);
	cc_get_credentials(g, (struct cc_credentials){ cookie, bearer });
	assert_int_equal(cc_get_want(g), CC_WANT_SEND);
	const struct cc_request *r = cc_get_request(g);
	assert_string_equal(r->method, "GET");
	assert_string_equal(r->target, "/kbs/v0/resource/default/key/1");
	assert_int_equal(r->header_count, 2);
	assert_header(r, 0, "Cookie", COOKIE);
	assert_header(r, 1, "Authorization", "Bearer a.b.c");
	assert_int_equal(r->body.len, 0);

	cc_get_credentials(g, (struct cc_credentials){ NULL, bearer });
	assert_int_equal(r->header_count, 1);
	assert_header(r, 0, "Authorization", "Bearer a.b.c");
	AUTO_HTTP_RESPONSE resp = answer(200, "", "{}");
	assert_int_equal(cc_get_answer(g, &resp, NULL), OK);
	assert_int_equal(cc_get_want(g), CC_WANT_NOTHING);
}

static void a_plugin_has_a_path_and_a_query(void **state)
{
	(void)state;
	AUTO(cc_get) *g = get_for("kbs+pkcs11:///wrap/key?id=1&a=b");
	assert_string_equal(cc_get_request(g)->target, "/kbs/v0/pkcs11/wrap/key?id=1&a=b");
}

#define TYPE(variant)                                                                                                  \
	"{\"type\":\"https://github.com/confidential-containers/kbs/errors/" variant "\",\"detail\":\"x\"}"

static void only_a_result_that_is_not_accepted_is_renewed(void **state)
{
	(void)state;
	static const struct {
		long status;
		const char *body;
		enum err first; /* OK: a renewal is due */
	} cases[] = {
		{ 401, TYPE("TokenNotFound"), OK },
		{ 401, TYPE("TokenVerifierError"), OK },
		{ 401, TYPE("AttestationError"), OK },
		{ 400, TYPE("TokenNotFound"), OK },
		{ 401, TYPE("SessionNotFound"), OK },
		{ 401, "", OK },
		{ 401, TYPE("PolicyDeny"), ERR_DENIED },
		{ 401, TYPE("PluginInternalError"), ERR_PROTO },
		{ 401, TYPE("JweError"), ERR_PROTO },
		{ 401, TYPE("AdminAuthAccess"), ERR_DENIED },
		{ 401, TYPE("PluginNotFound"), ERR_NOT_FOUND },
		{ 401, TYPE("InvalidRequestPath"), ERR_NOT_FOUND },
		{ 403, "", ERR_DENIED },
		{ 429, TYPE("PolicyDeny"), ERR_BUSY },
		{ 503, "<html>", ERR_BUSY },
		{ 500, TYPE("PluginInternalError"), ERR_BUSY },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(cc_get) *g = get_for("kbs:///default/key/1");
		AUTO_HTTP_RESPONSE resp = answer(cases[i].status, "", cases[i].body);
		struct errmsg em = { "" };
		cc_get_credentials(g, (struct cc_credentials){ NULL, NULL });
		assert_int_equal(cc_get_answer(g, &resp, &em), cases[i].first);
		if (cases[i].first != OK)
			continue;
		assert_int_equal(cc_get_want(g), CC_WANT_CREDENTIALS);
		cc_get_credentials(g, (struct cc_credentials){ NULL, NULL });
		assert_int_equal(cc_get_answer(g, &resp, &em), ERR_AUTH);
	}
}

static void a_retry_after_is_read_in_seconds(void **state)
{
	(void)state;
	static const struct {
		const char *headers;
		int64_t ms;
	} cases[] = {
		{ "", 0 },
		{ "retry-after: 7\n", 7000 },
		{ "retry-after: soon\n", 0 },
		{ "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\n", 0 },
		{ "retry-after: -1\n", 0 },
		{ "retry-after: 99999999999999999999\n", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_HTTP_RESPONSE resp = answer(429, cases[i].headers, "");
		assert_int_equal(cc_retry_after_ms(&resp), cases[i].ms);
	}
}

static void a_session_lasts_as_long_as_its_cookie_says(void **state)
{
	(void)state;
	static const struct {
		const char *headers;
		int64_t seconds;
	} cases[] = {
		{ "set-cookie: kbs-session-id=a\n", 300 },
		{ "set-cookie: kbs-session-id=a; Expires=Wed, 21 Oct 2015 07:28:00 GMT\n", 300 },
		{ "set-cookie: kbs-session-id=a; Path=/kbs/v0; Max-Age=60; HttpOnly\n", 60 },
		{ "x: y\nset-cookie: other=b; Max-Age=1\nset-cookie: kbs-session-id=a;max-age=7200", 7200 },
		{ "set-cookie: kbs-session-id=a; Max-Age=99999999999999999999\n", 24 * 3600 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_HTTP_RESPONSE resp = answer(200, cases[i].headers, "");
		AUTO(secret) *pair = NULL;
		int64_t seconds = 300;
		assert_int_equal(cc_cookie_read(&resp, &pair, &seconds, NULL), OK);
		assert_string_equal(secret_data(pair), "kbs-session-id=a");
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void times_are_read_from_a_result(void **state)
{
	(void)state;
	static const struct {
		const char *claims;
		enum err e;
		int64_t iat, exp;
	} cases[] = {
		{ "{\"iat\":1,\"exp\":2}", OK, 1, 2 },
		{ "{\"exp\":1.9e0}", OK, 0, 1 },
		{ "{}", OK, 0, 0 },
		{ "{\"exp\":-5}", ERR_PARSE, 0, 0 },
		{ "{\"exp\":\"5\"}", ERR_PARSE, 0, 0 },
		{ "{\"exp\":1e9}", ERR_PARSE, 0, 0 },
		{ "{\"exp\":9999999999999}", ERR_PARSE, 0, 0 },
		{ "{\"exp\":1,\"exp\":2}", ERR_PARSE, 0, 0 },
		{ "[]", ERR_PARSE, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STR
		char *payload = base64_encode(BASE64_URL, bytes_str(cases[i].claims));
		char token[256];
		struct cc_times times = { 0, 0 };
		snprintf(token, sizeof(token), "e30.%s.c2ln", payload);
		assert_int_equal(cc_token_times(bytes_str(token), &times, NULL), cases[i].e);
		if (cases[i].e != OK)
			continue;
		assert_int_equal(times.iat, cases[i].iat);
		assert_int_equal(times.exp, cases[i].exp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_to_the_byte),
		cmocka_unit_test(devices_and_init_data_go_along_and_are_bound),
		cmocka_unit_test(the_selected_hash_makes_the_report_data),
		cmocka_unit_test(extra_parameters_may_be_absent_or_of_any_kind),
		cmocka_unit_test(a_nonce_of_a_strange_size_is_refused),
		cmocka_unit_test(a_machine_that_failed_takes_nothing_more),
		cmocka_unit_test(a_resource_request_to_the_byte),
		cmocka_unit_test(a_plugin_has_a_path_and_a_query),
		cmocka_unit_test(only_a_result_that_is_not_accepted_is_renewed),
		cmocka_unit_test(a_retry_after_is_read_in_seconds),
		cmocka_unit_test(a_session_lasts_as_long_as_its_cookie_says),
		cmocka_unit_test(times_are_read_from_a_result),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
