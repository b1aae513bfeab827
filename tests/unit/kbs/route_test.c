#include "tests/support/check.h"

#include "common/base64.h"
#include "common/jws.h"
#include "common/libctx.h"
#include "kbs/kbs.h"
#include "tests/support/kbs_guest.h"
#include "tests/unit/kbs/memory_kbs.h"

/* The whole service without HTTP: requests go straight to the routes, and the clock is ours. */

#define PATH "default/image/key"

static EVP_PKEY *admin_key;
static struct guest guest;

static struct kbs_admin admin_with(EVP_PKEY *key)
{
	return (struct kbs_admin){ .transport = memory_kbs_transport(), .url = MEMORY_URL, .key = key };
}

static struct resource_uri uri_of(const char *path)
{
	struct resource_uri uri;
	check_ok(resource_uri_parse_label(path, &uri, &em));
	return uri;
}

static void store(const char *path, const char *text)
{
	struct kbs_admin admin = admin_with(admin_key);
	struct resource_uri uri = uri_of(path);
	AUTO(secret) *s = NULL;
	check_ok(secret_copy(bytes_str(text), &s, &em));
	check_ok(kbs_admin_set(&admin, &uri, s, &em));
}

static int start(bool allow_sample, const char *kind)
{
	memory_kbs_start(allow_sample);
	admin_key = memory_kbs_admin_key();
	guest_open(&guest, memory_kbs_transport(), MEMORY_URL, kind);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(true, "P-256");
}

static int setup_without_sample(void **state)
{
	(void)state;
	return start(false, "P-256");
}

static int teardown(void **state)
{
	(void)state;
	guest_close(&guest);
	EVP_PKEY_free(admin_key);
	memory_kbs_stop();
	return 0;
}

static void answered(long status, const char *variant)
{
	if (guest.status != status || !guest_told(&guest, variant))
		print_error("%ld: %.*s\n", guest.status, (int)guest.answer.len, (char *)guest.answer.data);
	assert_int_equal(guest.status, status);
	assert_true(guest_told(&guest, variant));
}

static void releases_to_every_kind_of_tee_key(void **state)
{
	(void)state;
	static const char *const kinds[] = { "P-256", "P-521", "RSA" };
	memory_kbs_start(true);
	admin_key = memory_kbs_admin_key();
	store(PATH, "the key");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		guest_open(&guest, memory_kbs_transport(), MEMORY_URL, kinds[i]);
		guest_auth(&guest, NULL);
		guest_attest(&guest);
		assert_int_equal(guest.status, 200);
		AUTO(secret) *by_cookie = guest_get(&guest, PATH, NULL);
		AUTO(secret) *by_token = guest_get(&guest, PATH, guest.token);
		assert_non_null(by_cookie);
		assert_non_null(by_token);
		check_bytes(bytes_str("the key"), secret_bytes(by_cookie));
		check_bytes(bytes_str("the key"), secret_bytes(by_token));
		guest_close(&guest);
	}
	EVP_PKEY_free(admin_key);
	memory_kbs_stop();
}

static void negotiates_the_hash(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "\"\"", "sha384" },
		{ "{}", "sha384" },
		{ "{\"supported-hash-algorithms\":[\"sha256\"]}", "sha256" },
		{ "{\"supported-hash-algorithms\":[\"md5\",\"SHA512\",\"sha256\"]}", "sha512" },
		{ "{\"supported-hash-algorithms\":[\"sha256\",\"sha384\",\"sha512\"]}", "sha384" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_auth(&guest, rows[i][0]);
		assert_int_equal(guest.status, 200);
		assert_string_equal(guest.hash, rows[i][1]);
		guest_attest(&guest);
		assert_int_equal(guest.status, 200);
	}
}

static void post(const char *path, const char *body)
{
	guest_call(&guest, (struct guest_call){ "POST", path, NULL, bytes_str(body), false });
}

static void refuses_a_malformed_auth(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"",
		"{",
		"[]",
		"{}",
		"null",
		"{\"version\":\"0.4.0\",\"tee\":\"sample\"}",
		"{\"version\":\"0.4.1\",\"tee\":\"sample\",\"extra-params\":\"\"}",
		"{\"version\":\"0.4\",\"tee\":\"sample\",\"extra-params\":\"\"}",
		"{\"version\":4,\"tee\":\"sample\",\"extra-params\":\"\"}",
		"{\"version\":\"0.4.0\",\"tee\":\"unknown\",\"extra-params\":\"\"}",
		"{\"version\":\"0.4.0\",\"tee\":\"sample\",\"tee\":\"tdx\",\"extra-params\":\"\"}",
		"{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":{\"supported-hash-algorithms\":[]}}",
		"{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":{\"supported-hash-algorithms\":[1]}}",
		"{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":{\"supported-hash-algorithms\":1}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		post("/kbs/v0/auth", bodies[i]);
		answered(400, "AttestationError");
		assert_string_equal(guest.cookie, "");
	}
}

static void refuses_a_second_attest(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *body = guest_evidence(&guest);
	guest_post_json(&guest, "/kbs/v0/attest", body);
	assert_int_equal(guest.status, 200);
	guest_post_json(&guest, "/kbs/v0/attest", body);
	answered(401, "AttestationError");
}

static void refuses_a_replayed_nonce(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *old = guest_evidence(&guest);
	guest_post_json(&guest, "/kbs/v0/attest", old);
	assert_int_equal(guest.status, 200);
	guest_auth(&guest, NULL);
	guest_post_json(&guest, "/kbs/v0/attest", old);
	answered(401, "AttestationError");
	assert_non_null(strstr((char *)guest.answer.data, "nonce"));
}

static void spends_the_nonce_on_refused_evidence_too(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *good = guest_evidence(&guest);
	post("/kbs/v0/attest", "{");
	answered(400, "AttestationError");
	guest_post_json(&guest, "/kbs/v0/attest", good);
	answered(401, "AttestationError");
}

static void refuses_the_sample_tee_unless_it_is_allowed(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	assert_int_equal(guest.status, 200);
	guest_attest(&guest);
	answered(401, "AttestationError");
}

static json_object *at(json_object *obj, const char *name)
{
	json_object *value = NULL;
	assert_true(json_object_object_get_ex(obj, name, &value));
	return value;
}

static void set(json_object *obj, const char *name, const char *json)
{
	json_object *value = NULL;
	check_ok(json_parse(bytes_str(json), 10000, JSON_STRICT, &value, &em));
	json_object_object_add(obj, name, value);
}

/* One bent member each: which object, its name, its value, and the status. */
static void refuses_bent_evidence(void **state)
{
	(void)state;
	static const struct {
		const char *in, *name, *value;
		long status;
	} rows[] = {
		{ "", "runtime-data", "null", 400 },
		{ "", "tee-evidence", "\"x\"", 400 },
		{ "", "init-data", "\"x\"", 400 },
		{ "", "init-data", "{\"format\":\"toml\"}", 400 },
		{ "", "init-data", "{\"format\":\"toml\",\"body\":\"version = '0.1.0'\"}", 400 },
		{ "", "init-data", "{\"format\":\"json\",\"body\":\"version = '0.1.0'\\nalgorithm = 'sha256'\"}", 400 },
		{ "", "init-data", "{\"format\":\"toml\",\"body\":\"\",\"more\":1}", 400 },
		{ "runtime-data", "nonce", "1", 400 },
		{ "runtime-data", "more", "1", 400 },
		{ "runtime-data", "tee-pubkey", "[]", 400 },
		{ "runtime-data", "nonce", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", 401 },
		{ "tee-pubkey", "alg", "\"RSA1_5\"", 400 },
		{ "tee-pubkey", "crv", "\"P-384\"", 400 },
		{ "tee-pubkey", "crv", "\"P-521\"", 401 },
		{ "tee-pubkey", "kty", "\"oct\"", 400 },
		{ "tee-pubkey", "kid", "\"1\"", 400 },
		{ "tee-pubkey", "d", "\"AQ\"", 400 },
		{ "tee-pubkey", "x", "\"AQ\"", 401 },
		{ "tee-evidence", "primary_evidence", "null", 400 },
		{ "tee-evidence", "primary_evidence", "{}", 401 },
		{ "tee-evidence", "primary_evidence", "{\"svn\":\"1\",\"report_data\":\"AAAA\"}", 401 },
		{ "tee-evidence", "primary_evidence", "{\"svn\":\"1\",\"report_data\":7}", 401 },
		{ "tee-evidence", "additional_evidence", "\"{\\\"nvidia\\\":{}}\"", 401 },
		{ "tee-evidence", "additional_evidence", "{}", 400 },
		{ "tee-evidence", "additional_evidence", "\"{}\"", 401 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_auth(&guest, NULL);
		AUTO_OF(json_object) *body = guest_evidence(&guest);
		json_object *in = body;
		if (strcmp(rows[i].in, "tee-pubkey") == 0)
			in = at(at(body, "runtime-data"), "tee-pubkey");
		else if (rows[i].in[0])
			in = at(body, rows[i].in);
		set(in, rows[i].name, rows[i].value);
		guest_post_json(&guest, "/kbs/v0/attest", body);
		/* A key that is none may be malformed or unusable: the library decides. */
		bool key = strcmp(rows[i].in, "tee-pubkey") == 0 && (guest.status == 400 || guest.status == 401);
		if (!key && guest.status != rows[i].status)
			print_error("%s %s = %s\n", rows[i].in, rows[i].name, rows[i].value);
		answered(key ? guest.status : rows[i].status, "AttestationError");
	}
}

static void devices_are_judged_one_by_one(void **state)
{
	(void)state;
	guest.device = "sampledevice";
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	assert_int_equal(guest.status, 200);
	AUTO(jws) *jws = NULL;
	check_ok(jws_parse(bytes_str(guest.token), &jws, &em));
	assert_non_null(memmem(jws->payload.data, jws->payload.len, "\"sampledevice\":{\"svn\":\"1\"", 25));
	guest.device = "nvidia";
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	answered(401, "AttestationError");
	assert_non_null(strstr((const char *)guest.answer.data, "no verifier for evidence of the device"));
	guest.device = NULL;
}

static void takes_init_data_and_vouches_for_nothing(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *body = guest_evidence(&guest);
	set(body, "init-data", "{\"format\":\"toml\",\"body\":\"version = '0.1.0'\\nalgorithm = 'sha256'\"}");
	guest_post_json(&guest, "/kbs/v0/attest", body);
	assert_int_equal(guest.status, 200);
	AUTO_OF(json_object) *root = NULL;
	AUTO(jws) *jws = NULL;
	check_ok(json_parse(buf_bytes(&guest.answer), 1 << 20, JSON_STRICT, &root, &em));
	check_ok(jws_parse(bytes_str(json_object_get_string(at(root, "token"))), &jws, &em));
	assert_null(memmem(jws->payload.data, jws->payload.len, "init_data", 9));
}

static void refuses_a_weak_tee_key(void **state)
{
	(void)state;
	static const char *const kinds[] = { "RSA-1024", "P-384" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		guest_close(&guest);
		guest_open(&guest, memory_kbs_transport(), MEMORY_URL, kinds[i]);
		guest_auth(&guest, NULL);
		guest_attest(&guest);
		assert_true(guest.status == 400 || guest.status == 401);
		assert_true(guest_told(&guest, "AttestationError"));
	}
}

static void tells_the_unattested_nothing(void **state)
{
	(void)state;
	store(PATH, "the key");
	static const char *const paths[] = { PATH, "default/image/absent" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		assert_null(guest_get(&guest, paths[i], NULL));
		answered(401, "TokenNotFound");
		assert_null(guest_get(&guest, paths[i], "not.a.token"));
		answered(401, "TokenVerifierError");
		guest_auth(&guest, NULL);
		assert_null(guest_get(&guest, paths[i], NULL));
		answered(401, "TokenNotFound");
		guest.cookie[0] = '\0';
	}
}

static void says_to_the_attested_what_is_missing(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	assert_null(guest_get(&guest, "default/image/absent", NULL));
	answered(404, "PluginInternalError");
}

static void set_policy(const char *text)
{
	struct kbs_admin admin = admin_with(admin_key);
	check_ok(kbs_admin_set_policy(&admin, bytes_str(text), &em));
}

static void asks_the_policy_before_the_storage(void **state)
{
	(void)state;
	store(PATH, "the key");
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	set_policy(
		"{\"default\":\"deny\",\"rules\":[{\"path\":\"default/image/*\",\"tee\":[\"tdx\"],\"allow\":true}]}");
	assert_null(guest_get(&guest, PATH, NULL));
	answered(403, "PolicyDeny");
	assert_null(guest_get(&guest, "default/image/absent", NULL));
	answered(403, "PolicyDeny");
	set_policy("{\"default\":\"deny\",\"rules\":[{\"path\":\"default/image/"
		   "key\",\"tee\":[\"sample\"],\"allow\":true}]}");
	AUTO(secret) *now = guest_get(&guest, PATH, NULL);
	assert_non_null(now);
}

static void keeps_a_policy_over_a_restart(void **state)
{
	(void)state;
	const char *text = "{\"default\":\"deny\"}";
	struct kbs_admin admin = admin_with(admin_key);
	AUTO_BUF
	back = { 0 };
	set_policy(text);
	check_ok(kbs_admin_get_policy(&admin, &back, &em));
	check_bytes(bytes_str(text), buf_bytes(&back));
	service_free(memory_kbs.service);
	check_ok(service_open(memory_kbs_dir, true, &memory_kbs.service, &em));
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	assert_null(guest_get(&guest, PATH, NULL));
	answered(403, "PolicyDeny");
}

static void refuses_a_policy_that_it_cannot_read(void **state)
{
	(void)state;
	struct kbs_admin admin = admin_with(admin_key);
	check_err(ERR_PARSE, kbs_admin_set_policy(&admin, bytes_str("package policy\nallow = true\n"), &em));
	assert_non_null(strstr(em.text, "Rego"));
	check_err(ERR_PARSE, kbs_admin_set_policy(&admin, bytes_str("{\"default\":1}"), &em));
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	store(PATH, "the key");
	AUTO(secret) *still = guest_get(&guest, PATH, NULL);
	assert_non_null(still);
}

static void ends_sessions_and_results_by_the_clock(void **state)
{
	(void)state;
	store(PATH, "the key");
	guest_auth(&guest, NULL);
	memory_kbs.now_ms += 299000;
	guest_attest(&guest);
	assert_int_equal(guest.status, 200);
	memory_kbs.now_ms += 1000;
	assert_null(guest_get(&guest, PATH, NULL));
	answered(401, "TokenNotFound");
	AUTO(secret) *by_token = guest_get(&guest, PATH, guest.token);
	assert_non_null(by_token);
	memory_kbs.now_s += 300;
	assert_null(guest_get(&guest, PATH, guest.token));
	answered(401, "TokenVerifierError");
	guest_auth(&guest, NULL);
	memory_kbs.now_ms += 300000;
	guest_attest(&guest);
	answered(401, "AttestationError");
}

static void takes_a_good_token_beside_a_dead_cookie(void **state)
{
	(void)state;
	store(PATH, "the key");
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	snprintf(guest.cookie, sizeof(guest.cookie), "kbs-session-id=00000000000000000000000000000000");
	AUTO_STR
	char *path = strdup("/kbs/v0/resource/" PATH);
	guest_call(&guest, (struct guest_call){ .method = "GET", .path = path, .bearer = guest.token });
	assert_int_equal(guest.status, 200);
}

/* ---- the administrator ---- */

static char *admin_jwt(EVP_PKEY *key, const char *claims)
{
	char *jwt = NULL;
	check_ok(jws_sign(key, NULL, bytes_str(claims), &jwt, &em));
	return jwt;
}

static void refuses_whoever_is_no_administrator(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *wrong = EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	char now[200];
	snprintf(now, sizeof(now), "{\"role\":\"admin\",\"exp\":%lld}", (long long)memory_kbs.now_s + 60);
	AUTO_STR
	char *of_wrong = admin_jwt(wrong, now);
	AUTO_STR
	char *expired = admin_jwt(admin_key, "{\"role\":\"admin\",\"exp\":1500000000}");
	AUTO_STR
	char *endless = admin_jwt(admin_key, "{\"role\":\"admin\"}");
	AUTO_STR
	char *user = admin_jwt(admin_key, "{\"role\":\"user\",\"exp\":9000000000}");
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	const char *const tokens[] = { NULL, "x", of_wrong, expired, endless, user, guest.token };
	static const char *const routes[][2] = {
		{ "POST", "/kbs/v0/resource/" PATH },
		{ "DELETE", "/kbs/v0/resource/" PATH },
		{ "POST", "/kbs/v0/resource-policy" },
		{ "GET", "/kbs/v0/resource-policy" },
		{ "GET", "/kbs/v0/resource-policy/resource-policy" },
		{ "POST", "/kbs/v0/attestation-policy" },
		{ "POST", "/kbs/v0/reference-value" },
		{ "GET", "/kbs/v0/reference-value/x" },
	};
	store(PATH, "the key");
	for (size_t t = 0; t < ARRAY_LEN(tokens); t++) {
		for (size_t r = 0; r < ARRAY_LEN(routes); r++) {
			guest_call(&guest,
				   (struct guest_call){ routes[r][0], routes[r][1], tokens[t], { NULL, 0 }, false });
			answered(401, "AdminAuthAccess");
		}
	}
	AUTO(secret) *still = guest_get(&guest, PATH, NULL);
	assert_non_null(still);
}

static void stores_and_deletes_for_the_administrator(void **state)
{
	(void)state;
	struct kbs_admin admin = admin_with(admin_key);
	struct resource_uri uri = uri_of(PATH);
	AUTO(secret) *large = NULL;
	store(PATH, "one");
	store(PATH, "two");
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	AUTO(secret) *two = guest_get(&guest, PATH, NULL);
	assert_non_null(two);
	check_bytes(bytes_str("two"), secret_bytes(two));
	check_ok(kbs_admin_delete(&admin, &uri, &em));
	check_err(ERR_NOT_FOUND, kbs_admin_delete(&admin, &uri, &em));
	check_ok(secret_new((4 << 20) + 1, &large, &em));
	check_err(ERR_LIMIT, kbs_admin_set(&admin, &uri, large, &em));
	secret_truncate(large, 4 << 20);
	check_ok(kbs_admin_set(&admin, &uri, large, &em));
	AUTO(secret) *back = guest_get(&guest, PATH, NULL);
	assert_non_null(back);
	assert_int_equal(secret_len(back), 4 << 20);
}

static void lets_the_administrator_read_only_where_configured(void **state)
{
	(void)state;
	struct kbs_admin admin = admin_with(admin_key);
	struct resource_uri uri = uri_of(PATH);
	AUTO(secret) *got = NULL;
	store(PATH, "the key");
	check_err(ERR_DENIED, kbs_admin_get(&admin, &uri, &got, &em));
	assert_non_null(strstr(em.text, "admin-read"));
	memory_kbs.service->config.admin_read = true;
	set_policy("{\"default\":\"deny\"}");
	check_ok(kbs_admin_get(&admin, &uri, &got, &em));
	check_bytes(bytes_str("the key"), secret_bytes(got));
	AUTO_OF(EVP_PKEY) *wrong = EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	AUTO(secret) *none = NULL;
	admin.key = wrong;
	check_err(ERR_AUTH, kbs_admin_get(&admin, &uri, &none, &em));
	/* Without a key to seal it for there is no answer in the clear. */
	AUTO_STR
	char *bare = admin_jwt(admin_key, "{\"role\":\"admin\",\"exp\":9000000000}");
	assert_null(guest_get(&guest, PATH, bare));
	answered(400, "AdminAuthAccess");
}

/* ---- the rest ---- */

static void knows_its_paths(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path;
		long status;
		const char *variant;
	} rows[] = {
		{ "GET", "/", 404, "InvalidRequestPath" },
		{ "GET", "/kbs/v0", 404, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/", 404, "PluginNotFound" },
		{ "GET", "/kbs/v0/pkcs11/wrap-key", 404, "PluginNotFound" },
		{ "GET", "/kbs/v0/auth", 405, "InvalidRequestPath" },
		{ "PUT", "/kbs/v0/resource/a/b/c", 405, "InvalidRequestPath" },
		{ "POST", "/kbs/v0/auth/", 404, "PluginNotFound" },
		{ "GET", "/kbs/v0/resource/", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource/a/b", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource/a/b/c/d", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource/a/../c", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource/a/%2e%2e/c", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource/a/b/c%00", 400, "InvalidRequestPath" },
		{ "GET", "/kbs/v0/resource//a/b", 400, "InvalidRequestPath" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		guest_call(&guest, (struct guest_call){ .method = rows[i].method, .path = rows[i].path });
		if (guest.status != rows[i].status)
			print_error("%s %s\n", rows[i].method, rows[i].path);
		answered(rows[i].status, rows[i].variant);
	}
}

static void says_what_is_not_built(void **state)
{
	(void)state;
	AUTO_STR
	char *jwt = admin_jwt(admin_key, "{\"role\":\"admin\",\"exp\":9000000000}");
	guest_call(&guest, (struct guest_call){ "POST", "/kbs/v0/reference-value", jwt, bytes_str("{}"), false });
	answered(501, "PluginNotFound");
}

static void counts_what_happened(void **state)
{
	(void)state;
	store(PATH, "the key");
	assert_null(guest_get(&guest, PATH, NULL));
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	AUTO(secret) *got = guest_get(&guest, PATH, NULL);
	assert_non_null(got);
	guest_call(&guest, (struct guest_call){ .method = "GET", .path = "/metrics" });
	assert_int_equal(guest.status, 200);
	static const char *const lines[] = {
		"\nkbs_attest_total{result=\"ok\"} 1\n",
		"\nkbs_resource_get_total{result=\"ok\"} 1\n",
		"\nkbs_resource_get_total{result=\"unauthenticated\"} 1\n",
		"\nkbs_admin_total{result=\"ok\"} 1\n",
		"\nkbs_sessions{state=\"attested\"} 1\n",
		"\nkbs_sessions{state=\"open\"} 0\n",
		"# TYPE kbs_auth_total counter\nkbs_auth_total{result=\"ok\"} 1\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr((char *)guest.answer.data, lines[i]))
			fail_msg("no %s in %s", lines[i], (char *)guest.answer.data);
	guest_call(&guest, (struct guest_call){ .method = "GET", .path = "/healthz" });
	assert_int_equal(guest.status, 200);
}

static void answers_busy_with_a_time_to_wait(void **state)
{
	(void)state;
	struct session_limits one = { 1, 300000, 5000 };
	sessions_free(memory_kbs.service->sessions);
	check_ok(sessions_new(one, &memory_kbs.service->sessions, &em));
	guest_auth(&guest, NULL);
	assert_int_equal(guest.status, 200);
	guest_auth(&guest, NULL);
	answered(429, "AttestationError");
	struct reply reply = { 0 };
	reply_fault(&reply, FAULT_ATTESTATION, ERR_BUSY, &em);
	assert_int_equal(reply.retry_after, 1);
	reply_clear(&reply);
}

static void tells_nothing_of_faults_inside(void **state)
{
	(void)state;
	struct reply reply = { 0 };
	struct errmsg inside = { "/var/lib/kbs/storage: Permission denied" };
	reply_fault(&reply, FAULT_PLUGIN_INTERNAL, ERR_IO, &inside);
	assert_int_equal(reply.status, 500);
	assert_null(strstr(reply.body, "/var/lib"));
	reply_clear(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(releases_to_every_kind_of_tee_key),
		TEST(negotiates_the_hash),
		TEST(refuses_a_malformed_auth),
		TEST(refuses_a_second_attest),
		TEST(refuses_a_replayed_nonce),
		TEST(spends_the_nonce_on_refused_evidence_too),
		cmocka_unit_test_setup_teardown(refuses_the_sample_tee_unless_it_is_allowed, setup_without_sample,
						teardown),
		TEST(refuses_bent_evidence),
		TEST(devices_are_judged_one_by_one),
		TEST(takes_init_data_and_vouches_for_nothing),
		TEST(refuses_a_weak_tee_key),
		TEST(tells_the_unattested_nothing),
		TEST(says_to_the_attested_what_is_missing),
		TEST(asks_the_policy_before_the_storage),
		TEST(keeps_a_policy_over_a_restart),
		TEST(refuses_a_policy_that_it_cannot_read),
		TEST(ends_sessions_and_results_by_the_clock),
		TEST(takes_a_good_token_beside_a_dead_cookie),
		TEST(refuses_whoever_is_no_administrator),
		TEST(stores_and_deletes_for_the_administrator),
		TEST(lets_the_administrator_read_only_where_configured),
		TEST(knows_its_paths),
		TEST(says_what_is_not_built),
		TEST(counts_what_happened),
		TEST(answers_busy_with_a_time_to_wait),
		TEST(tells_nothing_of_faults_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
