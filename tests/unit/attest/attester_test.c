#include "attest/attester.h"

#include "attest/appraise.h"
#include "attest/attester_row.h"
#include "attest/cca_token.h"
#include "attest/snp_evidence.h"
#include "attest/verifier_row.h"
#include "common/base64.h"
#include "common/file.h"
#include "tests/support/check.h"
#include "tests/support/tee_guest.h"

#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[64];
static pid_t server;
static const struct attester_machine machine = { root, NULL };
static struct attest_digest data;
static uint8_t carried[32];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static int begin(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/kbs-pkcs11-test-XXXXXX");
	memset(&data, 0, sizeof data);
	memset(data.data, 3, data.len = 48);
	memset(carried, 0xd1, sizeof carried);
	server = 0;
	return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	int status = 0;
	if (server) {
		kill(server, SIGTERM);
		waitpid(server, &status, 0);
	}
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static void put(const char *name, struct bytes contents)
{
	char path[256];
	snprintf(path, sizeof path, "%s%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	check_ok(file_write_atomic(path, contents, (struct file_write){ 0600, false }, &em));
}

/* tests/support/tsm_fuse, until it says that it is mounted. False: this machine cannot. */
static bool mounted(const char *tee, const char *option, const char *value)
{
	const char *top = getenv("TOP_BUILDDIR");
	char path[4096];
	char hex[65];
	char said[16] = "";
	int pipes[2];
	for (size_t i = 0; i < sizeof carried; i++)
		snprintf(hex + 2 * i, 3, "%02x", carried[i]);
	snprintf(path, sizeof path, "%s/tests/support/tsm_fuse", top ? top : ".");
	if (access("/dev/fuse", R_OK | W_OK) != 0 || access(path, X_OK) != 0) {
		print_message("no FUSE here (/dev/fuse, libfuse3): the mounted half is left out\n");
		return false;
	}
	const char *argv[] = { path, root, tee, "carried", hex, option, value, NULL };
	posix_spawn_file_actions_t actions;
	assert_int_equal(pipe(pipes), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&server, path, &actions, NULL, (char *const *)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	ssize_t n = read(pipes[0], said, 7);
	close(pipes[0]);
	if (n == 7)
		return true;
	print_message("FUSE does not mount here: the mounted half is left out\n");
	return false;
}

static const struct attester *found(const char *name)
{
	const struct attester *a = NULL;
	check_ok(attester_find(name, &machine, &a, &em));
	return a;
}

static json_object *taken(const struct attester *a)
{
	json_object *evidence = NULL;
	struct attester_request request = { &machine, &data, deadline_in_ms(5000) };
	check_ok(attester_evidence(a, &request, &evidence, &em));
	return evidence;
}

static enum err carries(const struct attester *a, const struct attest_digest *digest)
{
	struct attester_request request = { &machine, digest, deadline_in_ms(5000) };
	em.text[0] = '\0';
	return attester_carries(a, &request, &em);
}

static void init_data_fit(const struct attester *a)
{
	struct attest_digest digest = { .len = sizeof carried };
	memcpy(digest.data, carried, sizeof carried);
	check_ok(carries(a, &digest));
	digest.data[31] ^= 1;
	assert_int_equal(carries(a, &digest), ERR_ATTEST);
	assert_non_null(strstr(em.text, "d1d1d1d1d0"));
	assert_non_null(strstr(em.text, "d1d1d1d1d1"));
}

static size_t entries_left(void)
{
	char path[256];
	snprintf(path, sizeof path, "%s/sys/kernel/config/tsm/report", root);
	return check_folder_count(path);
}

static void read_root(const char *name, struct buf *out)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	check_ok(file_read(path, 1 << 20, out, &em));
}

/* Judged under the vendor that the emulation is. */
static void appraise_here(json_object *evidence, bool tdx, struct appraisal *out)
{
	uint8_t pin[32];
	static uint8_t qe[32];
	AUTO_BUF
	hex = { 0 };
	AUTO_BUF
	collateral = { 0 };
	AUTO_BUF
	clock = { 0 };
	AUTO_BUF
	vendor = { 0 };
	struct evidence binary = { .cert_count = 0 };
	memset(qe, 0xab, sizeof qe);
	read_root("root.hex", &hex);
	read_root("clock", &clock);
	check_ok(hex_decode(buf_cstr(&hex), pin, sizeof pin, &em));
	read_root(tdx ? "collateral.json" : "vendor.der", tdx ? &collateral : &vendor);
	check_ok(tdx ? verifier_tdx_unpack(evidence, &binary, &em) : verifier_snp_unpack(evidence, &binary, &em));
	struct trust_amd amd = { "Genoa", pin, buf_bytes(&vendor) };
	struct trust trust = { pin, qe, qe, &amd, 1 };
	struct bytes cert = buf_bytes(&binary.certs[0]);
	struct verifier_input in = {
		.evidence = buf_bytes(&binary.binary),
		.collateral = buf_bytes(&collateral),
		.certs = &cert,
		.cert_count = binary.cert_count,
		.report_data = { data.data, data.len },
		.init_data = BYTES(carried),
		.now = strtoll(buf_cstr(&clock), NULL, 10),
	};
	memset(out, 0, sizeof *out);
	check_ok(tdx ? appraise_quote(&trust, &in, true, out, &em) : appraise_snp(&trust, &in, out, &em));
	buf_clear(&binary.binary);
	buf_clear(&binary.event_log);
	buf_clear(&binary.certs[0]);
}

static void affirmed(json_object *evidence, bool tdx)
{
	static struct appraisal a;
	appraise_here(evidence, tdx, &a);
	const struct appraisal_check *worst = appraisal_worst(&a);
	if (worst)
		print_error("%s: %s instead of %s\n", worst->name, worst->actual, worst->expected);
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	appraisal_clear(&a);
}

static void a_mounted_td_attests(void **state)
{
	(void)state;
	if (!mounted("tdx", "interfere", "1"))
		skip();
	const struct attester *a = found("auto");
	assert_string_equal(attester_tee(a), "tdx");
	AUTO_OF(json_object) *evidence = taken(a);
	json_object *log = evidence;
	assert_true(json_object_object_get_ex(evidence, "cc_eventlog", &log));
	assert_null(log);
	affirmed(evidence, true);
	init_data_fit(a); /* out of a quote */
	uint8_t field[48] = { 0 };
	put("/sys/devices/virtual/misc/tdx_guest/measurements/mrconfigid", BYTES(field));
	struct attest_digest zeros = { .len = 32 };
	check_ok(carries(a, &zeros)); /* the kernel's file comes first */
	assert_int_equal(entries_left(), 0);
}

static void a_mounted_snp_guest_attests(void **state)
{
	(void)state;
	if (!mounted("snp", "fail", "16:1")) /* EBUSY once */
		skip();
	const struct attester *a = found("auto");
	assert_string_equal(attester_tee(a), "snp");
	AUTO_OF(json_object) *evidence = taken(a);
	json_object *chain = json_object_object_get(evidence, "cert_chain");
	assert_int_equal(json_object_array_length(chain), 1);
	assert_string_equal(
		json_object_get_string(json_object_object_get(json_object_array_get_idx(chain, 0), "cert_type")),
		"VCEK");
	affirmed(evidence, false);
	init_data_fit(a);
	assert_int_equal(entries_left(), 0);
}

static void a_failing_device_leaves_no_entry(void **state)
{
	(void)state;
	if (!mounted("tdx", "fail", "5:1000")) /* EIO */
		skip();
	json_object *evidence = NULL;
	struct attester_request request = { &machine, &data, deadline_in_ms(5000) };
	check_err(ERR_ATTEST, attester_evidence(found("tdx"), &request, &evidence, &em));
	assert_non_null(strstr(em.text, "outblob"));
	check_err(ERR_ATTEST, attester_evidence(found("snp"), &request, &evidence, &em));
	assert_non_null(strstr(em.text, "its provider is \"tdx_guest\""));
	assert_null(evidence);
	assert_int_equal(entries_left(), 0);
}

static void the_event_log_goes_along_and_is_bounded(void **state)
{
	(void)state;
	if (!mounted("tdx", "slow", "1"))
		skip();
	static uint8_t large[(1 << 20) + 1];
	put("/sys/firmware/acpi/tables/data/CCEL", bytes_str("log"));
	AUTO_OF(json_object) *evidence = taken(found("tdx"));
	assert_string_equal(json_object_get_string(json_object_object_get(evidence, "cc_eventlog")), "bG9n");
	put("/sys/firmware/acpi/tables/data/CCEL", BYTES(large));
	json_object *none = NULL;
	struct attester_request request = { &machine, &data, deadline_in_ms(5000) };
	check_err(ERR_LIMIT, attester_evidence(found("tdx"), &request, &none, &em));
}

static void a_tdreport_is_no_quote(void **state)
{
	(void)state;
	json_object *none = NULL;
	struct attester_request request = { &machine, &data, deadline_in_ms(100) };
	put("/dev/tdx_guest", bytes_str(""));
	const struct attester *a = found("auto");
	assert_string_equal(attester_tee(a), "tdx");
	check_err(ERR_ATTEST, attester_evidence(a, &request, &none, &em));
	assert_non_null(strstr(em.text, "configfs"));
}

static void the_innermost_is_found_first(void **state)
{
	(void)state;
	static const struct {
		const char *file;
		const char *tee;
	} steps[] = { { "/dev/tpmrm0", "tpm" },
		      { "/dev/sev-guest", "snp" },
		      { "/dev/tdx_guest", "tdx" },
		      { "/dev/attestation/attestation_type", "sgx" } };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		put(steps[i].file, bytes_str("dcap"));
		assert_string_equal(attester_tee(found("auto")), steps[i].tee);
	}
	put("/dev/attestation/attestation_type", bytes_str("none"));
	assert_string_equal(attester_tee(found("auto")), "tdx");
}

/* Gramine's files. What they answer is fixed here, so only one question fits. */
static void an_enclave_of_gramine_attests(void **state)
{
	(void)state;
	struct intel w;
	json_object *none = NULL;
	AUTO_BUF
	asked = { 0 };
	uint8_t padded[64] = { 0 };
	intel_open(&w, 3, false);
	memcpy(padded, data.data, data.len);
	memcpy(intel_sgx(w.body, SGX_REPORT_DATA), padded, 64);
	memcpy(intel_sgx(w.body, SGX_CONFIG_ID), carried, sizeof carried);
	intel_make(&w);
	put("/dev/attestation/attestation_type", bytes_str("dcap\n"));
	put("/dev/attestation/user_report_data", bytes_str(""));
	put("/dev/attestation/quote", buf_bytes(&w.quote));
	const struct attester *a = found("auto");
	AUTO_OF(json_object) *evidence = taken(a);
	AUTO_STR
	char *wanted = base64_encode(BASE64_STD, buf_bytes(&w.quote));
	assert_string_equal(json_object_get_string(json_object_object_get(evidence, "quote")), wanted);
	read_root("dev/attestation/user_report_data", &asked);
	check_bytes(BYTES(padded), buf_bytes(&asked));
	struct attest_digest other = data;
	other.data[0] ^= 1;
	struct attester_request request = { &machine, &other, deadline_in_ms(30) };
	check_err(ERR_ATTEST, attester_evidence(a, &request, &none, &em));
	assert_non_null(strstr(em.text, "other report data"));
	put("/dev/attestation/attestation_type", bytes_str("epid"));
	check_err(ERR_ATTEST, attester_evidence(a, &request, &none, &em));
	intel_close(&w);
}

static void every_report_version_survives_the_json(void **state)
{
	(void)state;
	static const char *const products[] = { "Milan", "Genoa", "Turin" };
	for (unsigned version = 2; version <= 5; version++)
		for (size_t i = 0; i < ARRAY_LEN(products); i++) {
			struct amd w;
			struct snp_report report;
			json_object *made = NULL;
			struct evidence back = { .cert_count = 0 };
			amd_open(&w, products[i], version);
			amd_make(&w);
			check_ok(snp_report_parse(BYTES(w.report), &report, &em));
			check_ok(snp_evidence_make(&report, (struct bytes){ NULL, 0 }, &made, &em));
			json_object *chain = made;
			assert_true(json_object_object_get_ex(made, "cert_chain", &chain));
			assert_null(chain);
			check_ok(verifier_snp_unpack(made, &back, &em));
			/* Version 2 does not say that it is Turin's, whose TCBs are laid out otherwise: the bytes that
			 * come between are not carried. */
			if (version > 2 || i < 2)
				check_bytes(BYTES(w.report), buf_bytes(&back.binary));
			buf_clear(&back.binary);
			json_object_put(made);
			amd_close(&w);
		}
}

static void certificate_tables_are_read_strictly(void **state)
{
	(void)state;
	uint8_t report_bytes[SNP_REPORT_LEN] = { 2 };
	struct snp_report report;
	json_object *made = NULL;
	report_bytes[0x34] = 1;
	uint8_t table[48] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
			      0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
	check_ok(snp_report_parse(BYTES(report_bytes), &report, &em));
	table[16] = 47;
	table[20] = 1;
	check_ok(snp_evidence_make(&report, BYTES(table), &made, &em));
	json_object_put(made);
	made = NULL;
	table[20] = 2; /* one byte beyond */
	check_err(ERR_PARSE, snp_evidence_make(&report, BYTES(table), &made, &em));
	memset(table + 16, 0xff, 8); /* the sum overflows 32 bits */
	check_err(ERR_PARSE, snp_evidence_make(&report, BYTES(table), &made, &em));
	check_err(ERR_PARSE, snp_evidence_make(&report, (struct bytes){ table, 24 }, &made, &em));
	assert_null(made);
}

static void a_realm_token_says_what_the_realm_carries(void **state)
{
	(void)state;
	uint8_t token[TEE_GUEST_CCA_MAX];
	struct tee_guest_realm says;
	struct cca_realm realm;
	memset(says.challenge, 0xc1, sizeof says.challenge);
	memset(says.personalization, 0xd1, sizeof says.personalization);
	size_t len = tee_guest_cca(&says, token);
	check_ok(cca_realm_read((struct bytes){ token, len }, &realm, &em));
	check_bytes(BYTES(says.challenge), realm.challenge);
	check_bytes(BYTES(says.personalization), realm.personalization);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = memcpy(malloc(cut + 1), token, cut + 1);
		check_err(ERR_PARSE, cca_realm_read((struct bytes){ copy, cut }, &realm, &em));
		free(copy);
	}
}

static void devices_are_composed(void **state)
{
	(void)state;
	static const char *const names[] = { "sampledevice" };
	static const char *const unknown[] = { "nvidia" };
	struct attester_devices devices = { names, 1 };
	struct attester_request request = { &machine, &data, deadline_in_ms(100) };
	char *text = NULL;
	data.len = 3;
	check_ok(attester_additional(&devices, &request, &text, &em));
	assert_string_equal(text, "{\"sampledevice\":{\"svn\":\"1\",\"report_data\":\"AwMD\"}}");
	free(text);
	devices.count = 0;
	check_ok(attester_additional(&devices, &request, &text, &em));
	assert_string_equal(text, "");
	free(text);
	devices = (struct attester_devices){ unknown, 1 };
	check_err(ERR_CONFIG, attester_additional(&devices, &request, &text, &em));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mounted_td_attests),
		TEST(a_mounted_snp_guest_attests),
		TEST(a_failing_device_leaves_no_entry),
		TEST(the_event_log_goes_along_and_is_bounded),
		TEST(a_tdreport_is_no_quote),
		TEST(the_innermost_is_found_first),
		TEST(an_enclave_of_gramine_attests),
		TEST(every_report_version_survives_the_json),
		TEST(certificate_tables_are_read_strictly),
		TEST(a_realm_token_says_what_the_realm_carries),
		TEST(devices_are_composed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
