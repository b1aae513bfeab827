/* Each check of reports fails for one reason only, on a chip that is otherwise right. The vendor is the test's own; its
 * root is handed to the function below the public face. */
#include "attest/appraise.h"
#include "tests/support/check.h"
#include "tests/support/tee_amd.h"

static struct amd w;
static struct appraisal a;
static struct verifier_input in;
static struct bytes certs[3];

static void judge_made(void)
{
	certs[0] = buf_bytes(&w.leaf);
	certs[1] = buf_bytes(&w.crl_der);
	in.certs = certs;
	in.cert_count = w.crl ? 2 : 1;
	in.evidence = BYTES(w.report);
	in.now = w.now;
	appraisal_clear(&a);
	check_ok(appraise_snp(&w.trust, &in, &a, &em));
}

static void judge(void)
{
	amd_make(&w);
	judge_made();
}

static void open_world(const char *product, unsigned version)
{
	amd_open(&w, product, version);
	in = (struct verifier_input){ .now = 0 };
}

static void close_world(void)
{
	appraisal_clear(&a);
	amd_close(&w);
}

static void only(enum appraisal_status status, const char *name, size_t what)
{
	size_t failed = 0;
	for (size_t i = 0; i < a.count; i++)
		failed += a.checks[i].outcome == APPRAISAL_FAILED;
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (a.status != status || !worst || failed != 1 || strcmp(worst->name, name) != 0)
		fail_msg("case %zu: %s, %zu failed, first \"%s\" (%s, %s) instead of \"%s\"", what,
			 appraisal_status_name(a.status), failed, worst ? worst->name : "",
			 worst ? worst->expected : "", worst ? worst->actual : "", name);
}

static void affirmed(void)
{
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (worst)
		fail_msg("%s %u: %s: %s, %s", w.product, w.report[0], worst->name, worst->expected, worst->actual);
	assert_non_null(a.claims);
}

static void reports_of_every_version_and_product_are_affirmed(void **state)
{
	(void)state;
	static const char *const products[] = { "Milan", "Genoa", "Turin" };
	for (size_t p = 0; p < ARRAY_LEN(products); p++) {
		for (unsigned version = 2; version <= 5; version++) {
			for (int kind = 0; kind < 3; kind++) {
				open_world(products[p], version);
				w.vlek = kind == 1;
				w.hwid_wrapped = kind == 2;
				w.crl = version == 3;
				judge();
				affirmed();
				close_world();
			}
		}
	}
}

static void ark_by_a_stranger(void)
{
	w.signer[AMD_ASK] = AMD_STRANGER;
}
static void leaf_by_a_stranger(void)
{
	w.signer[AMD_LEAF] = AMD_STRANGER;
}
static void report_by_a_stranger(void)
{
	w.report_signer = AMD_STRANGE_LEAF;
}
static void leaf_of_another_name(void)
{
	w.leaf_cn = "SEV-VCEX";
}
static void leaf_of_an_unknown_product(void)
{
	w.leaf_issuer = "SEV-Rome";
}
static void leaf_expired(void)
{
	w.until[AMD_LEAF] = w.now - 1;
}
static void leaf_early(void)
{
	w.from[AMD_LEAF] = w.now + 1;
}
static void ask_expired(void)
{
	w.until[AMD_ASK] = w.now - 1;
}
static void ark_expired(void)
{
	w.until[AMD_ARK] = w.now - 1;
}
static void bootloader_of_another(void)
{
	w.tcb[0]++;
}
static void tee_of_another(void)
{
	w.tcb[1]++;
}
static void snp_of_another(void)
{
	w.tcb[2]++;
}
static void microcode_of_another(void)
{
	w.tcb[3]++;
}
static void leaf_product_of_another(void)
{
	w.leaf_product = "Genoa";
}
static void leaf_product_longer(void)
{
	w.leaf_product = "MilanX";
}
static void processor_of_another(void)
{
	w.report[0x189] = 0x11;
}
static void processor_unknown(void)
{
	w.report[0x188] = 0x17;
}
static void chip_of_another(void)
{
	w.report[0x1a0 + 63] ^= 1;
}
static void chip_masked(void)
{
	memset(w.report + 0x1a0, 0, 64);
}
static void signer_none(void)
{
	w.report[0x48] = 7 << 2;
}
static void key_masked(void)
{
	w.report[0x48] = 2;
}
static void signed_as_vlek(void)
{
	w.report[0x48] = 1 << 2;
}
static void policy_debug(void)
{
	w.report[0x0a] |= 8;
}
static void policy_migrate(void)
{
	w.report[0x0a] |= 4;
}
static void policy_reserved(void)
{
	w.report[0x0a] = 1;
}
static void vmpl_too_high(void)
{
	w.report[0x30] = 2;
	in.vmpl_given = true;
	in.vmpl_max = 1;
}
static void vmpl_out_of_range(void)
{
	w.report[0x30] = 4;
}
static void ask_revoked(void)
{
	w.crl = true;
	w.revoked = 1 + AMD_ASK;
}
static void crl_by_a_stranger(void)
{
	w.crl = true;
	w.crl_signer = AMD_STRANGER;
}
static void crl_expired(void)
{
	w.crl = true;
	w.crl_until = w.now - 1;
}
static void algorithm(void)
{
	w.report[0x34] = 2;
}
static void version_one(void)
{
	w.report[0] = 1;
}
static void version_six(void)
{
	w.report[0] = 6;
}
static void report_data_of_another(void)
{
	in.report_data = bytes_str("x");
}
static void init_data_of_another(void)
{
	in.init_data = bytes_str("x");
}
static void measurement_of_another(void)
{
	in.reference = bytes_str("{\"snp_launch_measurement\":[\"77\"]}");
}
static void svn_of_another(void)
{
	in.reference = bytes_str("{\"snp_microcode\":[\"201\",\"0200\",\"c8\"],\"snp_tee_svn\":[1]}");
}

static const struct bent {
	void (*bend)(void);
	enum appraisal_status status;
	const char *check;
} bents[] = {
	{ ark_by_a_stranger, APPRAISAL_SIGNATURE, "certificate chain" },
	{ leaf_by_a_stranger, APPRAISAL_SIGNATURE, "certificate chain" },
	{ report_by_a_stranger, APPRAISAL_SIGNATURE, "report signature" },
	{ leaf_of_another_name, APPRAISAL_SIGNATURE, "signer's certificate" },
	{ leaf_of_an_unknown_product, APPRAISAL_SIGNATURE, "signer's issuer" },
	{ leaf_expired, APPRAISAL_EXPIRED, "certificate dates" },
	{ leaf_early, APPRAISAL_EXPIRED, "certificate dates" },
	{ ask_expired, APPRAISAL_EXPIRED, "certificate dates" },
	{ ark_expired, APPRAISAL_EXPIRED, "certificate dates" },
	{ bootloader_of_another, APPRAISAL_REFUSED, "reported TCB" },
	{ tee_of_another, APPRAISAL_REFUSED, "reported TCB" },
	{ snp_of_another, APPRAISAL_REFUSED, "reported TCB" },
	{ microcode_of_another, APPRAISAL_REFUSED, "reported TCB" },
	{ leaf_product_of_another, APPRAISAL_REFUSED, "certificate's product" },
	{ leaf_product_longer, APPRAISAL_REFUSED, "certificate's product" },
	{ processor_of_another, APPRAISAL_REFUSED, "processor's product" },
	{ processor_unknown, APPRAISAL_REFUSED, "processor's product" },
	{ chip_of_another, APPRAISAL_REFUSED, "chip id" },
	{ chip_masked, APPRAISAL_REFUSED, "chip id" },
	{ signer_none, APPRAISAL_REFUSED, "signing key" },
	{ key_masked, APPRAISAL_REFUSED, "signing key" },
	{ signed_as_vlek, APPRAISAL_SIGNATURE, "signer's certificate" },
	{ policy_debug, APPRAISAL_REFUSED, "policy: debug" },
	{ policy_migrate, APPRAISAL_REFUSED, "policy: migration agent" },
	{ policy_reserved, APPRAISAL_REFUSED, "policy bit 17" },
	{ vmpl_too_high, APPRAISAL_REFUSED, "VMPL" },
	{ vmpl_out_of_range, APPRAISAL_REFUSED, "VMPL" },
	{ ask_revoked, APPRAISAL_REFUSED, "revocation" },
	{ crl_by_a_stranger, APPRAISAL_SIGNATURE, "CRL signature" },
	{ crl_expired, APPRAISAL_EXPIRED, "CRL dates" },
	{ algorithm, APPRAISAL_MALFORMED, "report format" },
	{ version_one, APPRAISAL_MALFORMED, "report format" },
	{ version_six, APPRAISAL_MALFORMED, "report format" },
	{ report_data_of_another, APPRAISAL_MISMATCH, "report data" },
	{ init_data_of_another, APPRAISAL_MISMATCH, "init data" },
	{ measurement_of_another, APPRAISAL_MISMATCH, "snp_launch_measurement" },
	{ svn_of_another, APPRAISAL_MISMATCH, "snp_microcode" },
};

static void each_check_fails_for_its_own_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		open_world("Milan", 3);
		bents[i].bend();
		judge();
		only(bents[i].status, bents[i].check, i);
		close_world();
	}
}

static void a_whole_hierarchy_of_a_stranger_is_refused(void **state)
{
	(void)state;
	open_world("Milan", 3);
	amd_make(&w);
	w.row.ark_sha256 = trust_vendors.amd[0].ark_sha256;
	judge_made();
	only(APPRAISAL_SIGNATURE, "chain root", 0);
	/* AMD's own certificates, and a leaf that a stranger made. */
	w.trust = trust_vendors;
	judge_made();
	only(APPRAISAL_SIGNATURE, "certificate chain", 1);
	close_world();
}

/* Certificates come from the host as well: it may keep what was the ARK's list before a CA was revoked. */
static void an_older_crl_hides_nothing(void **state)
{
	(void)state;
	for (size_t newest = 1; newest <= 2; newest++) {
		AUTO_BUF
		older = { 0 };
		open_world("Milan", 3);
		ask_revoked();
		amd_make(&w);
		struct pki_crl crl = { "ARK-Milan", w.keys[AMD_ARK], w.now - 2000, w.crl_until, 0, false };
		pki_crl_make(&crl, &older);
		in = (struct verifier_input){
			.evidence = BYTES(w.report), .certs = certs, .cert_count = 3, .now = w.now
		};
		certs[0] = buf_bytes(&w.leaf);
		certs[newest] = buf_bytes(&w.crl_der);
		certs[3 - newest] = buf_bytes(&older);
		appraisal_clear(&a);
		check_ok(appraise_snp(&w.trust, &in, &a, &em));
		only(APPRAISAL_REFUSED, "revocation", newest);
		close_world();
	}
}

static void a_turin_fmc_is_compared(void **state)
{
	(void)state;
	open_world("Turin", 5);
	w.tcb[4]++;
	judge();
	only(APPRAISAL_REFUSED, "reported TCB", 0);
	close_world();
	open_world("Turin", 5);
	w.report[0x1a0 + 8] = 1; /* behind its 8 bytes */
	judge();
	only(APPRAISAL_REFUSED, "chip id", 1);
	close_world();
}

static void a_vlek_names_its_provider(void **state)
{
	(void)state;
	open_world("Genoa", 3);
	w.vlek = true;
	w.no_csp = true;
	judge();
	only(APPRAISAL_REFUSED, "VLEK's provider", 0);
	close_world();
}

/* Not signed, so nothing may hide there. */
static void nothing_may_stand_behind_the_signature(void **state)
{
	(void)state;
	static const size_t places[] = { 0x2a0 + 48, 0x2a0 + 71, 0x2a0 + 72 + 48, 0x330, SNP_REPORT_LEN - 1 };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		open_world("Milan", 2);
		amd_make(&w);
		w.report[places[i]] = 1;
		judge_made();
		only(APPRAISAL_MALFORMED, "report format", i);
		close_world();
	}
}

static void entry_put(struct buf *to, const uint8_t guid[16], uint64_t offset, uint64_t len)
{
	pki_append(to, (struct bytes){ guid, 16 });
	pki_number(to, offset, 4);
	pki_number(to, len, 4);
}

static const uint8_t vcek_guid[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
				       0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
static const uint8_t other_guid[16] = { 1 };
static const uint8_t no_guid[16] = { 0 };

static enum err judge_table(const struct buf *table)
{
	certs[0] = buf_bytes(table);
	in.certs = certs;
	in.cert_count = 1;
	in.evidence = BYTES(w.report);
	in.now = w.now;
	appraisal_clear(&a);
	return appraise_snp(&w.trust, &in, &a, &em);
}

static void certificates_come_in_the_table_of_an_extended_report(void **state)
{
	(void)state;
	AUTO_BUF
	table = { 0 };
	open_world("Milan", 3);
	amd_make(&w);
	/* An entry of another kind, which lies before the certificate, is passed over. */
	entry_put(&table, other_guid, 72, 4);
	entry_put(&table, vcek_guid, 76, w.leaf.len);
	entry_put(&table, no_guid, 0, 0);
	pki_append(&table, bytes_str("junk"));
	pki_append(&table, buf_bytes(&w.leaf));
	check_ok(judge_table(&table));
	affirmed();
	for (size_t len = 1; len < table.len; len++) {
		struct buf cut = { malloc(len), len, len };
		memcpy(cut.data, table.data, len);
		check_err(ERR_PARSE, judge_table(&cut));
		buf_clear(&cut);
	}
	close_world();
}

static void a_table_whose_sum_overflows_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	table = { 0 };
	open_world("Milan", 3);
	amd_make(&w);
	entry_put(&table, vcek_guid, 0xffffffff, 2);
	entry_put(&table, no_guid, 0, 0);
	check_err(ERR_PARSE, judge_table(&table));
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_of_every_version_and_product_are_affirmed),
		cmocka_unit_test(each_check_fails_for_its_own_reason),
		cmocka_unit_test(a_whole_hierarchy_of_a_stranger_is_refused),
		cmocka_unit_test(an_older_crl_hides_nothing),
		cmocka_unit_test(a_turin_fmc_is_compared),
		cmocka_unit_test(a_vlek_names_its_provider),
		cmocka_unit_test(nothing_may_stand_behind_the_signature),
		cmocka_unit_test(certificates_come_in_the_table_of_an_extended_report),
		cmocka_unit_test(a_table_whose_sum_overflows_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
