/* Each check of quotes and collateral fails for one reason only, on a platform that is otherwise right. The vendor is
 * the test's own; its root is handed to the function below the public face. */
#include "attest/appraise.h"
#include "tests/support/check.h"
#include "tests/support/tee_intel.h"

static struct intel w;
static struct appraisal a;
static struct verifier_input in;

static void judge(void)
{
	intel_make(&w);
	in.evidence = buf_bytes(&w.quote);
	in.collateral = buf_bytes(&w.collateral);
	in.now = w.now;
	appraisal_clear(&a);
	check_ok(appraise_quote(&w.trust, &in, w.tdx, &a, &em));
}

static void open_world(unsigned version, bool tdx)
{
	intel_open(&w, version, tdx);
	in = (struct verifier_input){ .now = 0 };
}

static void close_world(void)
{
	appraisal_clear(&a);
	intel_close(&w);
}

/* Just one check failed, and it is this one. */
static void only(enum appraisal_status status, const char *name, const char *what)
{
	size_t failed = 0;
	for (size_t i = 0; i < a.count; i++)
		failed += a.checks[i].outcome == APPRAISAL_FAILED;
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (a.status != status || !worst || failed != 1 || strcmp(worst->name, name) != 0)
		fail_msg("%s: %s, %zu failed, first \"%s\" (%s, %s) instead of \"%s\"", what,
			 appraisal_status_name(a.status), failed, worst ? worst->name : "",
			 worst ? worst->expected : "", worst ? worst->actual : "", name);
}

static void quotes_of_every_version_are_affirmed(void **state)
{
	(void)state;
	static const struct {
		unsigned version;
		bool tdx;
		bool td15;
	} kinds[] = { { 3, false, false }, { 4, false, false }, { 5, false, false },
		      { 4, true, false },  { 5, true, false },  { 5, true, true } };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (int wrapped = 0; wrapped < 2; wrapped++) {
			open_world(kinds[i].version, kinds[i].tdx);
			w.td15 = kinds[i].td15;
			w.wrapped = wrapped;
			judge();
			const struct appraisal_check *worst = appraisal_worst(&a);
			if (worst)
				fail_msg("version %u: %s: %s, %s", kinds[i].version, worst->name, worst->expected,
					 worst->actual);
			assert_string_equal(a.tcb_status, "UpToDate");
			assert_non_null(a.claims);
			close_world();
		}
	}
}

/* What is wrong, by name. */
static void root_of_a_stranger(void)
{
	w.keys[INTEL_ROOT] = w.keys[INTEL_STRANGER];
}
static void ca_by_a_stranger(void)
{
	w.signer[INTEL_CA] = INTEL_STRANGER;
}
static void ca_that_is_none(void)
{
	w.ca[INTEL_CA] = false;
}
static void pck_by_a_stranger(void)
{
	w.signer[INTEL_PCK] = INTEL_STRANGER;
}
static void critical_extension(void)
{
	w.strange_extension = true;
}
static void pck_expired(void)
{
	w.until[INTEL_PCK] = w.now - 1;
}
static void pck_early(void)
{
	w.from[INTEL_PCK] = w.now + 1;
}
static void ca_expired(void)
{
	w.until[INTEL_CA] = w.now - 1;
}
static void qe_report_by_a_stranger(void)
{
	w.qe_report_signer = INTEL_STRANGER;
}
static void other_attestation_key(void)
{
	w.bind_other_key = true;
}
static void quote_by_a_stranger(void)
{
	w.quote_signer = INTEL_STRANGER;
}
static void no_sgx_extension(void)
{
	w.no_sgx_extension = true;
}
static void no_fmspc(void)
{
	w.no_fmspc = true;
}
static void chain_short(void)
{
	w.chain_short = true;
}
static void qe_debug(void)
{
	/* Masked in the identity on purpose: what Intel would have to let through. */
	intel_sgx(w.qe_report, SGX_ATTRIBUTES)[0] |= 2;
	intel_edit(&w, &w.qe_identity, "\"FBFFFFFF", "\"F9FFFFFF");
}
static void td_debug(void)
{
	intel_td(&w, TD_ATTRIBUTES)[0] |= 1;
}
static void td_profiled(void)
{
	intel_td(&w, TD_ATTRIBUTES)[0] |= 0x20;
}
static void pck_crl_by_a_stranger(void)
{
	w.crl_signer[1] = INTEL_STRANGER;
}
static void pck_crl_expired(void)
{
	w.crl_until[1] = w.now - 1;
}
static void pck_revoked(void)
{
	w.revoked[1] = 1 + INTEL_PCK;
}
static void ca_revoked(void)
{
	w.revoked[0] = 1 + INTEL_CA;
}
static void delta_crl(void)
{
	w.crl_critical[1] = true;
}
static void tcb_info_by_a_stranger(void)
{
	w.tcb_info_signer = INTEL_STRANGER;
}
static void qe_identity_by_the_platform(void)
{
	w.qe_identity_signer = INTEL_PCK;
}
static void module_unknown(void)
{
	intel_edit(&w, &w.tcb_info, "TDX_01", "TDX_02");
}
static void module_of_another_signer(void)
{
	intel_td(&w, TD_MR_SIGNER_SEAM)[5] = 1;
}
static void platform_below_every_level(void)
{
	w.components[9] = 1;
}
static void pcesvn_lower(void)
{
	w.pcesvn = 10;
}
static void tdx_component_lower(void)
{
	intel_td(&w, TD_TEE_TCB_SVN)[7] = 4;
}
static void module_out_of_date(void)
{
	intel_td(&w, TD_TEE_TCB_SVN)[0] = 4;
}
static void qe_svn_revoked(void)
{
	intel_sgx(w.qe_report, SGX_ISV_SVN)[0] = 3;
}
static void qe_of_another_signer(void)
{
	intel_sgx(w.qe_report, SGX_MR_SIGNER)[31] = 0;
}
static void qe_of_another_product(void)
{
	intel_sgx(w.qe_report, SGX_ISV_PROD_ID)[1] = 1;
}
static void qe_misc(void)
{
	intel_sgx(w.qe_report, SGX_MISC_SELECT)[0] = 1;
}
static void qe_attribute(void)
{
	intel_sgx(w.qe_report, SGX_ATTRIBUTES)[1] = 1;
}
static void fmspc_of_another(void)
{
	w.fmspc[5] ^= 1;
}
static void pceid_of_another(void)
{
	w.pceid[0] = 1;
}
static void tcb_info_old(void)
{
	intel_edit(&w, &w.tcb_info, "2030-01-31T", "2030-01-10T");
}
static void tcb_info_of_tomorrow(void)
{
	intel_edit(&w, &w.tcb_info, "2030-01-01T", "2030-01-12T");
}
static void qe_identity_old(void)
{
	intel_edit(&w, &w.qe_identity, "2030-01-31T", "2030-01-10T");
}
static void tcb_info_of_sgx(void)
{
	intel_edit(&w, &w.tcb_info, "\"id\":\"TDX\"", "\"id\":\"SGX\"");
}
static void tcb_info_version(void)
{
	intel_edit(&w, &w.tcb_info, "\"version\":3", "\"version\":2");
}
static void qe_identity_of_sgx(void)
{
	intel_edit(&w, &w.qe_identity, "TD_QE", "QE");
}
static void status_needs_hardening(void)
{
	intel_edit(&w, &w.tcb_info, "}],\"pcesvn\":11", "}],\"pcesvn\":11"); /* makes the text */
	char *level = strstr(w.tcb_info, "\"pcesvn\":11");
	char *status = strstr(level, "\"UpToDate\"");
	AUTO_STR
	char *tail = strdup(status + strlen("\"UpToDate\""));
	AUTO_STR
	char *head = strndup(w.tcb_info, (size_t)(status - w.tcb_info));
	free(w.tcb_info);
	if (asprintf(&w.tcb_info, "%s\"SWHardeningNeeded\"%s", head, tail) < 0)
		abort();
}
static void report_data_of_another(void)
{
	static const uint8_t wanted[3] = { 1, 2, 3 };
	in.report_data = BYTES(wanted);
}
static void init_data_of_another(void)
{
	static const uint8_t wanted[32] = { 1 };
	in.init_data = BYTES(wanted);
}
static void measurement_of_another(void)
{
	in.reference = bytes_str("{\"mr_td\":[\"00\"],\"rtmr_0\":[\"" /* 48 zeros */
				 "000000000000000000000000000000000000000000000000"
				 "000000000000000000000000000000000000000000000000\"]}");
}
static void reference_of_another_tee(void)
{
	in.reference = bytes_str("{\"snp_bootloader\":[\"1\"]}");
}
static void kernel_digest(void)
{
	in.reference = bytes_str("{\"tdvfkernel\":[\"00\"]}");
}

struct bent {
	void (*bend)(void);
	enum appraisal_status status;
	const char *check;
};

static const struct bent bents[] = {
	{ ca_by_a_stranger, APPRAISAL_SIGNATURE, "PCK certificate chain" },
	{ ca_that_is_none, APPRAISAL_SIGNATURE, "PCK certificate chain" },
	{ pck_by_a_stranger, APPRAISAL_SIGNATURE, "PCK certificate chain" },
	{ critical_extension, APPRAISAL_SIGNATURE, "PCK certificate chain" },
	{ pck_expired, APPRAISAL_EXPIRED, "PCK certificate dates" },
	{ pck_early, APPRAISAL_EXPIRED, "PCK certificate dates" },
	{ ca_expired, APPRAISAL_EXPIRED, "PCK certificate dates" },
	{ qe_report_by_a_stranger, APPRAISAL_SIGNATURE, "QE report signature" },
	{ other_attestation_key, APPRAISAL_SIGNATURE, "attestation key binding" },
	{ quote_by_a_stranger, APPRAISAL_SIGNATURE, "quote signature" },
	{ no_sgx_extension, APPRAISAL_MALFORMED, "PCK certificate extension" },
	{ no_fmspc, APPRAISAL_MALFORMED, "PCK certificate extension" },
	{ chain_short, APPRAISAL_MALFORMED, "quote format" },
	{ qe_debug, APPRAISAL_REFUSED, "QE debug" },
	{ td_debug, APPRAISAL_REFUSED, "TD debug" },
	{ td_profiled, APPRAISAL_REFUSED, "TD debug" },
	{ pck_crl_by_a_stranger, APPRAISAL_SIGNATURE, "CRL signature" },
	{ pck_crl_expired, APPRAISAL_EXPIRED, "CRL dates" },
	{ pck_revoked, APPRAISAL_REFUSED, "revocation" },
	{ ca_revoked, APPRAISAL_REFUSED, "revocation" },
	{ delta_crl, APPRAISAL_SIGNATURE, "CRL signature" },
	{ tcb_info_by_a_stranger, APPRAISAL_SIGNATURE, "TCB info signature" },
	{ qe_identity_by_the_platform, APPRAISAL_SIGNATURE, "QE identity signature" },
	{ module_unknown, APPRAISAL_TCB, "TDX module identity" },
	{ module_of_another_signer, APPRAISAL_MISMATCH, "TDX module signer" },
	{ platform_below_every_level, APPRAISAL_TCB, "TCB status" },
	{ pcesvn_lower, APPRAISAL_TCB, "TCB status" },
	{ tdx_component_lower, APPRAISAL_TCB, "TCB status" },
	{ module_out_of_date, APPRAISAL_TCB, "TCB status" },
	{ qe_svn_revoked, APPRAISAL_TCB, "TCB status" },
	{ status_needs_hardening, APPRAISAL_TCB, "TCB status" },
	{ qe_of_another_signer, APPRAISAL_MISMATCH, "QE signer" },
	{ qe_of_another_product, APPRAISAL_MISMATCH, "QE product" },
	{ qe_misc, APPRAISAL_MISMATCH, "QE misc select" },
	{ qe_attribute, APPRAISAL_MISMATCH, "QE attributes" },
	{ fmspc_of_another, APPRAISAL_MISMATCH, "FMSPC" },
	{ pceid_of_another, APPRAISAL_MISMATCH, "PCEID" },
	{ tcb_info_old, APPRAISAL_EXPIRED, "TCB info dates" },
	{ tcb_info_of_tomorrow, APPRAISAL_EXPIRED, "TCB info dates" },
	{ qe_identity_old, APPRAISAL_EXPIRED, "QE identity dates" },
	{ tcb_info_of_sgx, APPRAISAL_MISMATCH, "TCB info kind" },
	{ tcb_info_version, APPRAISAL_MISMATCH, "TCB info kind" },
	{ qe_identity_of_sgx, APPRAISAL_MISMATCH, "QE identity kind" },
	{ report_data_of_another, APPRAISAL_MISMATCH, "report data" },
	{ init_data_of_another, APPRAISAL_MISMATCH, "init data" },
	{ measurement_of_another, APPRAISAL_MISMATCH, "mr_td" },
	{ reference_of_another_tee, APPRAISAL_MISMATCH, "reference values" },
	{ kernel_digest, APPRAISAL_MISMATCH, "tdvfkernel" },
};

static void each_check_fails_for_its_own_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		open_world(4, true);
		bents[i].bend();
		judge();
		char what[32];
		snprintf(what, sizeof what, "case %zu", i);
		only(bents[i].status, bents[i].check, what);
		close_world();
	}
}

static void a_whole_hierarchy_of_a_stranger_is_refused(void **state)
{
	(void)state;
	open_world(4, true);
	judge();
	w.trust.intel_root_sha256 = trust_vendors.intel_root_sha256;
	appraisal_clear(&a);
	check_ok(appraise_quote(&w.trust, &in, true, &a, &em));
	only(APPRAISAL_SIGNATURE, "PCK chain root", "foreign root");
	struct bytes pin = { w.root_sha256, 32 };
	root_of_a_stranger();
	uint8_t before[32];
	memcpy(before, pin.data, 32);
	intel_make(&w);
	in.evidence = buf_bytes(&w.quote);
	w.trust.intel_root_sha256 = before;
	appraisal_clear(&a);
	check_ok(appraise_quote(&w.trust, &in, true, &a, &em));
	only(APPRAISAL_SIGNATURE, "PCK chain root", "another root of the same name");
	close_world();
}

static void tcb_signers_are_told_from_other_certificates(void **state)
{
	(void)state;
	open_world(4, true);
	w.cn[INTEL_TCB] = "Test Attestation Report Signing";
	judge();
	assert_int_equal(a.status, APPRAISAL_SIGNATURE);
	assert_string_equal(appraisal_worst(&a)->name, "TCB info signer");
	close_world();
	open_world(4, true);
	w.until[INTEL_TCB] = w.now - 1;
	judge();
	assert_int_equal(a.status, APPRAISAL_EXPIRED);
	assert_string_equal(appraisal_worst(&a)->name, "TCB info certificate dates");
	close_world();
	open_world(4, true);
	w.revoked[0] = 1 + INTEL_TCB;
	judge();
	assert_int_equal(a.status, APPRAISAL_REFUSED);
	assert_string_equal(appraisal_worst(&a)->name, "revocation");
	close_world();
}

/* The signature is over bytes, not over what they mean. */
static void texts_are_verified_as_they_stand(void **state)
{
	(void)state;
	open_world(4, true);
	w.other_text = true;
	judge();
	assert_int_equal(a.status, APPRAISAL_SIGNATURE);
	assert_string_equal(appraisal_worst(&a)->name, "TCB info signature");
	assert_string_equal(a.tcb_status, "not checked");
	close_world();
}

static void an_accepted_status_is_affirmed_and_shown(void **state)
{
	(void)state;
	open_world(4, true);
	status_needs_hardening();
	in.tcb_accepted = 1U << 1;
	judge();
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	assert_string_equal(a.tcb_status, "SWHardeningNeeded");
	close_world();
	open_world(4, true);
	qe_svn_revoked();
	in.tcb_accepted = ~0U;
	judge();
	only(APPRAISAL_TCB, "TCB status", "revoked");
	close_world();
}

static void advisories_of_the_level_are_shown(void **state)
{
	(void)state;
	open_world(4, true);
	pcesvn_lower();
	judge();
	assert_string_equal(a.tcb_status, "OutOfDate");
	assert_string_equal(a.advisories, "INTEL-SA-00001");
	close_world();
}

/* Indices 0 and 1 of the TDX components count only for a module without version. */
static void a_module_without_version_is_judged_by_the_platform(void **state)
{
	(void)state;
	open_world(4, true);
	intel_td(&w, TD_TEE_TCB_SVN)[1] = 0;
	judge();
	only(APPRAISAL_TCB, "TCB status", "component 1 is 0, 5 is wanted");
	close_world();
	open_world(4, true);
	intel_td(&w, TD_TEE_TCB_SVN)[1] = 0;
	intel_edit(&w, &w.tcb_info, "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":5}",
		   "\"tdxtcbcomponents\":[{\"svn\":5},{\"svn\":0}");
	judge();
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	close_world();
}

static void enclaves_in_debug_mode_are_refused(void **state)
{
	(void)state;
	open_world(3, false);
	intel_sgx(w.body, SGX_ATTRIBUTES)[0] |= 2;
	judge();
	only(APPRAISAL_REFUSED, "enclave debug", "debug");
	close_world();
	open_world(3, false);
	intel_sgx(w.body, SGX_ATTRIBUTES)[0] = 4;
	judge();
	only(APPRAISAL_REFUSED, "enclave initialized", "not initialized");
	close_world();
}

static void what_is_expected_and_there_is_affirmed(void **state)
{
	(void)state;
	open_world(5, true);
	uint8_t bound[48];
	memset(bound, 0x42, sizeof bound);
	memcpy(intel_td(&w, TD_REPORT_DATA), bound, sizeof bound);
	memcpy(intel_td(&w, TD_MR_CONFIG_ID), bound, 32);
	in.report_data = BYTES(bound);
	in.init_data = (struct bytes){ bound, 32 };
	in.reference = bytes_str("{\"mr_td\":[\"00\",\"777777777777777777777777777777777777777777777777"
				 "777777777777777777777777777777777777777777777777\"],\"mr_enclave\":[\"00\"]}");
	judge();
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	close_world();
}

/* Its PCK signs reports of any enclave that the platform's owner runs: without Intel's identity of the quoting enclave
 * its signer is the least that must hold. */
static void without_collateral_the_quoting_enclave_is_still_intels(void **state)
{
	(void)state;
	for (unsigned version = 3; version <= 4; version++) {
		for (int other = 0; other < 2; other++) {
			open_world(version, version == 4);
			intel_sgx(w.qe_report, SGX_MR_SIGNER)[0] ^= (uint8_t)other;
			intel_make(&w);
			in = (struct verifier_input){ .evidence = buf_bytes(&w.quote), .now = w.now };
			check_ok(appraise_quote(&w.trust, &in, w.tdx, &a, &em));
			assert_string_equal(a.tcb_status, "not checked");
			if (other)
				only(APPRAISAL_MISMATCH, "QE signer", "another quoting enclave");
			else
				assert_int_equal(a.status, APPRAISAL_AFFIRMING);
			close_world();
		}
	}
}

static void malformed_collateral_is_an_error_of_its_own(void **state)
{
	(void)state;
	open_world(4, true);
	intel_edit(&w, &w.tcb_info, "\"svn\":5", "\"svn\":256");
	intel_make(&w);
	in = (struct verifier_input){ .evidence = buf_bytes(&w.quote), .now = w.now };
	in.collateral = buf_bytes(&w.collateral);
	check_err(ERR_PARSE, appraise_quote(&w.trust, &in, true, &a, &em));
	static const char *const texts[] = { "", "{}", "[]", "{\"tcb_info\":1}", "{\"tcb_info\":\"{}\"}" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		in.collateral = bytes_str(texts[i]);
		appraisal_clear(&a);
		check_err(ERR_PARSE, appraise_quote(&w.trust, &in, true, &a, &em));
	}
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_of_every_version_are_affirmed),
		cmocka_unit_test(each_check_fails_for_its_own_reason),
		cmocka_unit_test(a_whole_hierarchy_of_a_stranger_is_refused),
		cmocka_unit_test(tcb_signers_are_told_from_other_certificates),
		cmocka_unit_test(texts_are_verified_as_they_stand),
		cmocka_unit_test(an_accepted_status_is_affirmed_and_shown),
		cmocka_unit_test(advisories_of_the_level_are_shown),
		cmocka_unit_test(a_module_without_version_is_judged_by_the_platform),
		cmocka_unit_test(enclaves_in_debug_mode_are_refused),
		cmocka_unit_test(what_is_expected_and_there_is_affirmed),
		cmocka_unit_test(without_collateral_the_quoting_enclave_is_still_intels),
		cmocka_unit_test(malformed_collateral_is_an_error_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
