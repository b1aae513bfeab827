/* Real evidence. Where a sweep goes over every bit it takes minutes: `make check` takes one in VERIFY_STEP (43), the
 * whole is VERIFY_STEP=1. */
#include "attest/verifier.h"
#include "common/base64.h"
#include "tests/support/vector.h"

struct evidence_case {
	const char *tee;
	const char *file;
	const char *collateral;
	const char *cert;
	const char *time;
	enum appraisal_status status;
	const char *worst; /* the check that decides */
};

#define TDX "tdx/tdx_quote_with_collateral.dat"
#define BUNDLE "tdx/tdx_quote_collateral.json"

static const struct evidence_case cases[] = {
	{ "tdx", "tdx/tdx_quote_4.dat", NULL, NULL, "2025-07-01T00:00:00Z", APPRAISAL_REFUSED, "TD debug" },
	{ "tdx", "tdx/tdx_quote_5.dat", NULL, NULL, "2025-07-01T00:00:00Z", APPRAISAL_AFFIRMING, NULL },
	{ "tdx", TDX, BUNDLE, NULL, "2025-06-19T10:32:26Z", APPRAISAL_EXPIRED, "QE identity dates" },
	{ "tdx", TDX, BUNDLE, NULL, "2025-06-19T10:32:27Z", APPRAISAL_AFFIRMING, NULL },
	{ "tdx", TDX, BUNDLE, NULL, "2025-07-19T10:00:35Z", APPRAISAL_AFFIRMING, NULL },
	{ "tdx", TDX, BUNDLE, NULL, "2025-07-19T10:00:36Z", APPRAISAL_EXPIRED, "CRL dates" },
	/* Another platform's collateral. */
	{ "tdx", "tdx/tdx_quote_5.dat", BUNDLE, NULL, "2025-07-01T00:00:00Z", APPRAISAL_MISMATCH, "FMSPC" },
	{ "sgx", TDX, NULL, NULL, "2025-07-01T00:00:00Z", APPRAISAL_MALFORMED, "quote format" },
	{ "snp", "snp/test-report.bin", NULL, "snp/test-vcek.der", "2025-07-01T00:00:00Z", APPRAISAL_AFFIRMING, NULL },
	{ "snp", "snp/test-report.bin", NULL, NULL, "2025-07-01T00:00:00Z", APPRAISAL_SIGNATURE,
	  "signer's certificate" },
	{ "snp", "snp/test-vlek-report.bin", NULL, "snp/test-vlek.der", "2025-12-10T22:14:21Z", APPRAISAL_AFFIRMING,
	  NULL },
	{ "snp", "snp/test-vlek-report.bin", NULL, "snp/test-vlek.der", "2025-12-10T22:14:22Z", APPRAISAL_EXPIRED,
	  "certificate dates" },
	{ "snp", "snp/test-vlek-report.bin", NULL, "snp/test-vlek.der", "2024-12-10T22:14:20Z", APPRAISAL_EXPIRED,
	  "certificate dates" },
};

static struct appraisal a;

static bool load(const struct evidence_case *of, struct buf files[3], struct verifier_input *in)
{
	static struct bytes cert;
	*in = (struct verifier_input){ .now = 0 };
	assert_true(appraisal_time_parse(of->time, &in->now));
	if (!fixture_read(of->file, &files[0]) || (of->collateral && !fixture_read(of->collateral, &files[1])) ||
	    (of->cert && !fixture_read(of->cert, &files[2])))
		return false;
	in->evidence = buf_bytes(&files[0]);
	in->collateral = buf_bytes(&files[1]);
	cert = buf_bytes(&files[2]);
	in->certs = &cert;
	in->cert_count = of->cert ? 1 : 0;
	return true;
}

static void unload(struct buf files[3])
{
	for (int i = 0; i < 3; i++)
		buf_clear(&files[i]);
}

static void real_evidence_gives_the_documented_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf files[3] = { 0 };
		struct verifier_input in;
		if (!load(&cases[i], files, &in))
			skip();
		check_ok(verifier_appraise(cases[i].tee, &in, &a, &em));
		const struct appraisal_check *worst = appraisal_worst(&a);
		if (a.status != cases[i].status || (worst && strcmp(worst->name, cases[i].worst) != 0))
			fail_msg("%s at %s: %s, %s", cases[i].file, cases[i].time, appraisal_status_name(a.status),
				 worst ? worst->name : "no failed check");
		if (cases[i].collateral && a.status != APPRAISAL_MISMATCH)
			assert_string_equal(a.tcb_status, "UpToDate");
		appraisal_clear(&a);
		unload(files);
	}
}

static enum appraisal_status status_of(const char *tee, const struct verifier_input *in)
{
	check_ok(verifier_appraise(tee, in, &a, &em));
	enum appraisal_status status = a.status;
	appraisal_clear(&a);
	return status;
}

static size_t step(void)
{
	const char *text = getenv("VERIFY_STEP");
	long n = text ? strtol(text, NULL, 10) : 43;
	return n > 0 ? (size_t)n : 1;
}

/* Every case that affirms or is refused for its contents alone has good signatures up to `end` bytes. */
static void sweep(const struct evidence_case *of, size_t end)
{
	struct buf files[3] = { 0 };
	struct verifier_input in;
	if (!load(of, files, &in))
		skip();
	for (size_t bit = 0; bit < 8 * (end ? end : files[0].len); bit += step()) {
		files[0].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum appraisal_status status = status_of(of->tee, &in);
		if (status != APPRAISAL_SIGNATURE && status != APPRAISAL_MALFORMED && status != APPRAISAL_REFUSED)
			fail_msg("%s: byte %zu, bit %zu: %s", of->file, bit / 8, bit % 8,
				 appraisal_status_name(status));
		files[0].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(status_of(of->tee, &in), of->status);
	unload(files);
}

static void refuses_each_bit_flipped_in_a_quote(void **state)
{
	(void)state;
	/* Up to the end of the signature data: what follows in the third is padding. */
	sweep(&cases[1], 0);
	sweep(&cases[3], 48 + 584 + 4 + 4300);
}

static void refuses_each_bit_flipped_in_a_report(void **state)
{
	(void)state;
	sweep(&cases[8], 0);
	sweep(&cases[10], 0);
}

/* In a block of just that length, so that the sanitizers see each byte read beyond it. */
static void refuses_every_truncation(void **state)
{
	(void)state;
	static const size_t which[] = { 0, 1, 3, 8, 10 };
	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		struct buf files[3] = { 0 };
		struct verifier_input in;
		if (!load(&cases[which[i]], files, &in))
			skip();
		size_t end = which[i] == 3 ? 48 + 584 + 4 + 4300 : files[0].len;
		for (size_t len = 0; len < end; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			memcpy(cut, files[0].data, len);
			in.evidence = (struct bytes){ cut, len };
			assert_int_equal(status_of(cases[which[i]].tee, &in), APPRAISAL_MALFORMED);
			free(cut);
		}
		unload(files);
	}
}

static void refuses_a_report_with_bytes_behind_it(void **state)
{
	(void)state;
	struct buf files[3] = { 0 };
	struct verifier_input in;
	if (!load(&cases[8], files, &in))
		skip();
	check_ok(buf_append(&files[0], bytes_str("x"), 0, &em));
	in.evidence = buf_bytes(&files[0]);
	assert_int_equal(status_of("snp", &in), APPRAISAL_MALFORMED);
	unload(files);
}

/* The report data of evidence-genoa-v3.json. */
static struct attest_digest genoa_report_data(void)
{
	struct attest_digest d = { .len = 64 };
	check_ok(hex_decode("7e7320889600c7ac133aea7b896c51f410260029"
			    "82292a7369559796999c1bf929eef3ff23c46e858f0b1982f9a92b17c51b578d958cde6b0c92978f150cf9b0",
			    d.data, 64, &em));
	return d;
}

static void a_kbs_takes_a_report_in_json(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	if (!fixture_read("snp/evidence-genoa-v3.json", &text))
		skip();
	AUTO_OF(json_object) *evidence = NULL;
	json_object *claims = NULL;
	check_ok(json_parse(buf_bytes(&text), 1 << 20, JSON_STRICT, &evidence, &em));
	struct attest_digest bound = genoa_report_data();
	struct verifier_policy policy = { .now = 1751328000 };
	struct verifier_request request = { "snp", evidence, &bound, NULL };
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "reference values"));
	policy.reference = bytes_str("{\"mr_td\":[\"00\"],\"snp_bootloader\":[\"9\",\"11\"]}");
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "snp_bootloader"));
	policy.reference = bytes_str("{\"mr_td\":[\"00\"],\"snp_bootloader\":[\"9\",10]}");
	check_ok(verifier_check(&policy, &request, &claims, &em));
	const char *bootloader = NULL;
	check_ok(json_get_string(claims, "reported_tcb_bootloader", &bootloader, &em));
	assert_string_equal(bootloader, "10");
	json_object_put(claims);
	bound.data[0] ^= 1;
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "report data"));
	policy.now = 4000000000;
	check_err(ERR_ATTEST,
		  verifier_check(&policy, &(struct verifier_request){ "tdx", evidence, &bound, NULL }, &claims, &em));
	bound.data[0] ^= 1;
	check_err(ERR_EXPIRED, verifier_check(&policy, &request, &claims, &em));
	assert_null(claims);
}

static void json_with_any_member_wrong_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	text = { 0 };
	if (!fixture_read("snp/evidence-genoa-v3.json", &text))
		skip();
	static const char *const members[] = { "version",     "policy",    "family_id",    "vmpl",
					       "current_tcb", "chip_id",   "reported_tcb", "cpuid_fam_id",
					       "signature",   "committed", "launch_tcb" };
	static const char *const wrong[] = { "-1",
					     "\"1\"",
					     "256.5",
					     "[]",
					     "{}",
					     "null",
					     "[1,2,3]",
					     "99999999999999999999",
					     "{\"fmc\":null,\"bootloader\":1,\"tee\":1,\"snp\":1,\"microcode\":256}",
					     "{\"major\":1,\"minor\":1,\"build\":1,\"more\":1}" };
	struct verifier_input in = { .now = 1751328000 };
	for (size_t m = 0; m < ARRAY_LEN(members); m++) {
		for (size_t w = 0; w < ARRAY_LEN(wrong); w++) {
			AUTO_OF(json_object) *evidence = NULL;
			json_object *report = NULL;
			json_object *value = json_tokener_parse(wrong[w]);
			check_ok(json_parse(buf_bytes(&text), 1 << 20, JSON_STRICT, &evidence, &em));
			check_ok(json_get_object(evidence, "attestation_report", &report, &em));
			json_object_object_add(report, members[m], value);
			check_ok(verifier_appraise_json("snp", evidence, &in, &a, &em));
			if (a.status == APPRAISAL_AFFIRMING)
				fail_msg("%s: %s", members[m], wrong[w]);
			appraisal_clear(&a);
		}
	}
}

static void a_kbs_wants_collateral_for_a_quote(void **state)
{
	(void)state;
	struct buf files[3] = { 0 };
	struct verifier_input in;
	if (!load(&cases[3], files, &in))
		skip();
	AUTO_OF(json_object) *evidence = json_object_new_object();
	AUTO_STR
	char *quote = base64_encode(BASE64_STD, in.evidence);
	json_object_object_add(evidence, "quote", json_object_new_string(quote));
	json_object_object_add(evidence, "cc_eventlog", NULL);
	struct attest_digest bound = { .len = 64 };
	memcpy(bound.data, files[0].data + 48 + 520, 64);
	struct verifier_policy policy = { .now = in.now, .allow_any_measurement = true };
	struct verifier_request request = { "tdx", evidence, &bound, NULL };
	json_object *claims = NULL;
	check_err(ERR_ATTEST, verifier_check(&policy, &request, &claims, &em));
	assert_non_null(strstr(em.text, "collateral"));
	policy.allow_unchecked_tcb = true;
	check_ok(verifier_check(&policy, &request, &claims, &em));
	json_object_put(claims);
	policy.allow_unchecked_tcb = false;
	policy.collateral = in.collateral;
	check_ok(verifier_check(&policy, &request, &claims, &em));
	json_object_put(claims);
	unload(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_evidence_gives_the_documented_verdicts),
		cmocka_unit_test(refuses_each_bit_flipped_in_a_quote),
		cmocka_unit_test(refuses_each_bit_flipped_in_a_report),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_a_report_with_bytes_behind_it),
		cmocka_unit_test(a_kbs_takes_a_report_in_json),
		cmocka_unit_test(json_with_any_member_wrong_is_refused),
		cmocka_unit_test(a_kbs_wants_collateral_for_a_quote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
