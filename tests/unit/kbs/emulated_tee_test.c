/* A TD of the tests' own vendor before the KBS: what is said of it, and what a policy can ask. */
#include "attest/attest.h"
#include "common/base64.h"
#include "common/file.h"
#include "common/jws.h"
#include "tests/support/check.h"
#include "tests/support/kbs_guest.h"
#include "tests/support/tee_guest.h"
#include "tests/support/tee_trust.h"
#include "tests/unit/kbs/memory_kbs.h"

#include <openssl/evp.h>

#define INIT "version = '0.1.0'\nalgorithm = 'sha256'\n[data]\n'aa.toml' = 'x = 1'\n"
#define MR_TD "777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777"

static struct guest guest;
static struct tee_guest td;
static struct tsm_model model;
static char path[2][128];
static char carried[97]; /* MRCONFIGID, in hexadecimal */

static char *file_put(int which, const char *name, struct bytes text)
{
	snprintf(path[which], sizeof path[which], "%s/%s", memory_kbs_dir, name);
	check_ok(file_write_atomic(path[which], text, (struct file_write){ 0600, false }, &em));
	return strdup(path[which]);
}

static int start(void **state)
{
	(void)state;
	uint8_t digest[48] = { 0 };
	size_t len = 0;
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, INIT, strlen(INIT), digest, &len), 1);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(carried + 2 * i, 3, "%02x", digest[i]);
	memory_kbs_start(false);
	tee_guest_open(&td, &model, "tdx_guest", BYTES(digest));
	tee_trust_set(td.intel.root_sha256);
	memory_kbs.service->collateral_path = file_put(0, "collateral.json", buf_bytes(&td.intel.collateral));
	memory_kbs.service->reference_path = file_put(1, "values.json", bytes_str("{\"mr_td\":[\"" MR_TD "\"]}"));
	guest_open(&guest, memory_kbs_transport(), MEMORY_URL, "P-256");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	guest_close(&guest);
	memory_kbs_stop();
	tee_guest_close(&td, &model);
	return 0;
}

static json_object *at(json_object *obj, const char *name)
{
	json_object *value = NULL;
	assert_true(json_object_object_get_ex(obj, name, &value));
	return value;
}

/* A quote over what the request binds. */
static json_object *quote_take(json_object *body)
{
	struct attest_digest digest;
	uint8_t padded[64] = { 0 };
	AUTO_BUF
	quote = { 0 };
	AUTO_BUF
	none = { 0 };
	struct attest_runtime_data bound = { "", guest.nonce, at(at(body, "runtime-data"), "tee-pubkey") };
	check_ok(attest_report_data(guest.hash, &bound, &digest, &em));
	memcpy(padded, digest.data, digest.len);
	assert_int_equal(model.report(&td, padded, 0, &quote, &none), 0);
	AUTO_STR
	char *text = base64_encode(BASE64_STD, buf_bytes(&quote));
	json_object *evidence = json_object_new_object();
	json_object_object_add(evidence, "quote", json_object_new_string(text));
	json_object_object_add(evidence, "cc_eventlog", NULL);
	return evidence;
}

/* init_data: NULL for none. Returns the claims of the result, the caller's; NULL where it was refused. */
static json_object *attest(const char *init_data)
{
	guest.tee = "tdx";
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *body = guest_evidence(&guest);
	json_object_object_add(at(body, "tee-evidence"), "primary_evidence", quote_take(body));
	if (init_data) {
		json_object *member = json_object_new_object();
		json_object_object_add(member, "format", json_object_new_string("toml"));
		json_object_object_add(member, "body", json_object_new_string(init_data));
		json_object_object_add(body, "init-data", member);
	}
	guest_post_json(&guest, "/kbs/v0/attest", body);
	guest.tee = NULL;
	if (guest.status != 200)
		return NULL;
	AUTO_OF(json_object) *answer = NULL;
	AUTO(jws) *jws = NULL;
	json_object *claims = NULL;
	check_ok(json_parse(buf_bytes(&guest.answer), 1 << 20, JSON_STRICT, &answer, &em));
	check_ok(jws_parse(bytes_str(json_object_get_string(at(answer, "token"))), &jws, &em));
	check_ok(json_parse(buf_bytes(&jws->payload), 1 << 20, JSON_STRICT, &claims, &em));
	return claims;
}

static json_object *cpu_of(json_object *claims)
{
	return at(at(claims, "submods"), "cpu0");
}

static bool answer_has(const char *text)
{
	return strstr((const char *)guest.answer.data, text) != NULL;
}

static void a_td_is_affirmed_with_its_init_data(void **state)
{
	(void)state;
	AUTO_OF(json_object) *claims = attest(INIT);
	assert_int_equal(guest.status, 200);
	json_object *cpu = cpu_of(claims);
	json_object *said = at(cpu, "ear.veraison.annotated-evidence");
	assert_string_equal(json_object_get_string(at(cpu, "ear.status")), "affirming");
	assert_string_equal(json_object_get_string(at(said, "init_data")), carried);
	assert_string_equal(json_object_get_string(at(at(said, "init_data_claims"), "aa.toml")), "x = 1");
	assert_string_equal(json_object_get_string(at(at(at(at(said, "tdx"), "quote"), "body"), "mr_td")), MR_TD);
}

static void without_init_data_nothing_is_said_of_them(void **state)
{
	(void)state;
	AUTO_OF(json_object) *claims = attest(NULL);
	assert_int_equal(guest.status, 200);
	assert_false(json_object_object_get_ex(at(cpu_of(claims), "ear.veraison.annotated-evidence"),
					       "init_data_claims", NULL));
}

static void init_data_of_another_td_are_refused_with_both_values(void **state)
{
	(void)state;
	assert_null(attest(INIT "# one line more\n"));
	assert_int_equal(guest.status, 401);
	assert_true(answer_has("init data"));
	assert_true(answer_has(carried));
}

static void another_firmware_is_refused(void **state)
{
	(void)state;
	intel_td(&td.intel, TD_MR_TD)[47] ^= 1;
	assert_null(attest(INIT));
	assert_int_equal(guest.status, 401);
	assert_true(answer_has("mr_td"));
}

static void policy_set(const char *mr_td, const char *init_data)
{
	char text[1000];
	struct policy *policy = NULL;
	snprintf(text, sizeof text,
		 "{\"default\":\"deny\",\"rules\":[{\"path\":\"a/b/c\",\"tee\":[\"tdx\"],\"allow\":true,\"claims\":"
		 "{\"/tdx/quote/body/mr_td\":[\"%s\"],\"/init_data\":[\"%s\"],\"/init_data_claims/aa.toml\":[\"x = "
		 "1\"]}}]}",
		 mr_td, init_data);
	check_ok(policy_parse(bytes_str(text), &policy, &em));
	policy_free(memory_kbs.service->policy);
	memory_kbs.service->policy = policy;
}

/* By the session, and by the result alone: both are worth the same. */
static long get_status(bool bearer)
{
	AUTO(secret) *got = guest_get(&guest, "a/b/c", bearer ? guest.token : NULL);
	assert_true((got != NULL) == (guest.status == 200));
	return guest.status;
}

static void a_policy_asks_for_firmware_and_init_data(void **state)
{
	(void)state;
	char other[97];
	AUTO(secret) *resource = NULL;
	snprintf(other, sizeof other, "%s", carried);
	other[0] = other[0] == '0' ? '1' : '0';
	check_ok(secret_copy(bytes_str("key"), &resource, &em));
	check_ok(storage_write(memory_kbs.service->storage, "a/b/c", resource, &em));
	AUTO_OF(json_object) *claims = attest(INIT);
	AUTO_OF(json_object) *answer = NULL;
	assert_non_null(claims);
	check_ok(json_parse(buf_bytes(&guest.answer), 1 << 20, JSON_STRICT, &answer, &em));
	guest.token = strdup(json_object_get_string(at(answer, "token")));
	for (int bearer = 0; bearer < 2; bearer++) {
		policy_set(MR_TD, carried);
		assert_int_equal(get_status(bearer), 200);
		policy_set(MR_TD, other);
		assert_int_equal(get_status(bearer), 403);
		assert_true(answer_has("does not allow /init_data to be") && answer_has(carried));
		policy_set(carried, carried);
		assert_int_equal(get_status(bearer), 403);
		assert_true(answer_has("/tdx/quote/body/mr_td"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_td_is_affirmed_with_its_init_data, start, stop),
		cmocka_unit_test_setup_teardown(without_init_data_nothing_is_said_of_them, start, stop),
		cmocka_unit_test_setup_teardown(init_data_of_another_td_are_refused_with_both_values, start, stop),
		cmocka_unit_test_setup_teardown(another_firmware_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(a_policy_asks_for_firmware_and_init_data, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
