/* Evidence of a real TEE at the KBS: what it is held against comes from the files that kbs.json names. Real evidence
 * answers another KBS's nonce, so it is always refused; that it gets as far as its report data shows the rest. */
#include "kbs/kbs.h"
#include "tests/support/kbs_guest.h"
#include "tests/support/vector.h"
#include "tests/unit/kbs/memory_kbs.h"

#include <sys/stat.h>

static struct guest guest;
static char path[128];

static int start(void **state)
{
	(void)state;
	memory_kbs_start(true);
	guest_open(&guest, memory_kbs_transport(), MEMORY_URL, "P-256");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	guest_close(&guest);
	memory_kbs_stop();
	return 0;
}

static void write_file(const char *name, const char *text)
{
	snprintf(path, sizeof path, "%s/%s", memory_kbs_dir, name);
	check_ok(file_write_atomic(path, bytes_str(text), (struct file_write){ 0644, false }, &em));
}

/* The answer to this evidence, as the guest reads it. */
static void attest_with(const char *tee, json_object *evidence)
{
	guest.tee = tee;
	guest_auth(&guest, NULL);
	AUTO_OF(json_object) *body = guest_evidence(&guest);
	json_object *composite = NULL;
	json_object_object_get_ex(body, "tee-evidence", &composite);
	json_object_object_add(composite, "primary_evidence", json_object_get(evidence));
	guest_post_json(&guest, "/kbs/v0/attest", body);
	guest.tee = NULL;
}

static bool answer_has(const char *text)
{
	return strstr((const char *)guest.answer.data, text) != NULL;
}

static void real_evidence_is_held_against_reference_values(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *evidence = NULL;
	if (!fixture_read("snp/evidence-genoa-v3.json", &text))
		skip();
	check_ok(json_parse(buf_bytes(&text), 1 << 20, JSON_STRICT, &evidence, &em));
	attest_with("snp", evidence);
	assert_int_equal(guest.status, 401);
	assert_true(guest_told(&guest, "AttestationError"));
	assert_true(answer_has("no reference values"));
	write_file("values.json", "{\"snp_bootloader\":[\"10\"]}");
	memory_kbs.service->reference_path = strdup(path);
	attest_with("snp", evidence);
	assert_int_equal(guest.status, 401);
	assert_true(answer_has("report data"));
	/* Nobody else may say which guests are good. */
	check_ok(chmod(path, 0666) == 0 ? OK : ERR_IO);
	attest_with("snp", evidence);
	assert_int_equal(guest.status, 500);
}

static void a_quote_is_refused_without_collateral(void **state)
{
	(void)state;
	AUTO_OF(json_object) *evidence = json_object_new_object();
	json_object_object_add(evidence, "quote", json_object_new_string("AAAA"));
	attest_with("tdx", evidence);
	assert_int_equal(guest.status, 401);
	assert_true(answer_has("collateral"));
}

/* The sample TEE is not held against them: it is refused or allowed as a whole. */
static void sample_evidence_needs_no_values(void **state)
{
	(void)state;
	guest_auth(&guest, NULL);
	guest_attest(&guest);
	assert_int_equal(guest.status, 200);
}

static void a_missing_file_is_seen_at_the_start(void **state)
{
	(void)state;
	static const char *const members[] = { "reference-values", "collateral" };
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		char json[128];
		AUTO(service) *s = NULL;
		snprintf(json, sizeof json, "{\"%s\":\"nothing.json\"}", members[i]);
		write_file("kbs.json", json);
		check_err(ERR_CONFIG, service_open(memory_kbs_dir, false, &s, &em));
		assert_non_null(strstr(em.text, "nothing.json"));
		write_file("nothing.json", "{}");
		check_ok(service_open(memory_kbs_dir, false, &s, &em));
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(real_evidence_is_held_against_reference_values, start, stop),
		cmocka_unit_test_setup_teardown(a_quote_is_refused_without_collateral, start, stop),
		cmocka_unit_test_setup_teardown(sample_evidence_needs_no_values, start, stop),
		cmocka_unit_test_setup_teardown(a_missing_file_is_seen_at_the_start, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
