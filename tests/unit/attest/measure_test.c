/* Predictions held against a second implementation, tests/vectors/measure/make.py, and against known values of Debian's
 * firmware. */
#include "attest/measure.h"
#include "tests/support/vector.h"

#include <openssl/evp.h>

static const char interleaved[] =
	"752bd18f89cf0a0b8ff77e946d0aa52a847475ac8ff0ab5314236f21074c6f6b85bc1c296546f3eae74875a88aa1747c";
static const char two_pass[] =
	"d37951010268fb052dfe08232a50777230135d03ade7775a2966f7b2c3a9fbb985fef012d37273ef22bb565df153e738";
static const char snp_1[] =
	"739c9823c5f65f1d1d556b499014fef846c389229c48ad572fa45c592ca44945c0d6a1fb06d438f6cdefead9feaf9f81";
static const char snp_3_kernel[] =
	"54f11cdbf55bc7b88ba38e8602307722679e78b19333867ad0a7a589dc0449c3d7b8087ea9e68b209c892778f6eaa693";
static const char snp_1_kernel[] =
	"518cd378ab520624018b8e061752bee91dd536d90eced9bd89d24ec680e67264463eb361ebe9d72243e9213bfea2ca10";

/* sev-snp-measure 0.0.13, of measure/ovmf.bin */
static const struct {
	enum measure_vmm vmm;
	unsigned vcpus;
	const char *digest;
} launches[] = {
	{ MEASURE_QEMU, 1,
	  "f99aa1766501167613b0813906f27a216ecba6cf976437da98df6eba984f590392c59c5d2937b927f50403b6bd6579ac" },
	{ MEASURE_QEMU, 3,
	  "52d5870af8c86937ae6976a681353c7fac8b4032a60a8a1aa25e04010fb141dd2a9bdc6724831ba88bddf744298e1658" },
	{ MEASURE_EC2, 1,
	  "a28a10b0f0f46e4625c8c2211361ad2a60b678c84825b81fbbb4f91ee31870ebbb2a4ae8892c2070c6352423f59dac26" },
	{ MEASURE_EC2, 3,
	  "7cd9a74c74d3374ce60b5de74fbf85f6b93ee42074a4a6793d33cf7d5d23feed55abc17491692a59b24d5e5230696f2f" },
	{ MEASURE_GCE, 1,
	  "62357d61d9c65257d308ccfa004aabd09e34529cd9ed19d4ff597fa7f35d1284abced13430298961a10cc49b3e0d4bed" },
	{ MEASURE_GCE, 3,
	  "71ccb96937c1868c19f75e6f3d65920f8346e1abd69a3686b5ddd34cf84c1f93a4a37ecd3ca368e82dddd3320b4170af" },
};

static uint8_t digest[MEASURE_LEN];

static void check_digest(const char *wanted)
{
	AUTO_STR
	char *hex = hex_encode(BYTES(digest));
	assert_string_equal(hex, wanted);
}

static void mrtd_in_both_page_orders(void **state)
{
	(void)state;
	static const char *const images[] = { "measure/ovmf.bin", "measure/td-shim.bin" };
	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		AUTO_BUF
		image = { 0 };
		vector_read(images[i], &image);
		check_ok(measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
		check_digest(interleaved);
		check_ok(measure_tdx(buf_bytes(&image), MEASURE_TWO_PASS, digest, &em));
		check_digest(two_pass);
	}
}

static void launch_digests_with_and_without_a_kernel(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/ovmf.bin", &image);
	struct measure_snp in = { .firmware = buf_bytes(&image), .vcpus = 1, .features = 0x21 };
	assert_true(measure_cpu_signature("EPYC-Milan", &in.cpu_signature));
	check_ok(measure_snp(&in, digest, &em));
	check_digest(snp_1);
	in.boot = (struct measure_boot){ .kernel = bytes_str("kernel") };
	check_ok(measure_snp(&in, digest, &em));
	check_digest(snp_1_kernel);
	in.boot = (struct measure_boot){ bytes_str("kernel"), bytes_str("initrd"), "console=ttyS0" };
	in.vcpus = 3;
	check_ok(measure_snp(&in, digest, &em));
	check_digest(snp_3_kernel);
}

static void each_vmm_launches_in_its_own_way(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/ovmf.bin", &image);
	for (size_t i = 0; i < ARRAY_LEN(launches); i++) {
		struct measure_snp in = { .firmware = buf_bytes(&image), .features = 1 };
		in.vmm = launches[i].vmm;
		in.vcpus = launches[i].vcpus;
		assert_true(measure_cpu_signature("EPYC-Rome", &in.cpu_signature));
		check_ok(measure_snp(&in, digest, &em));
		check_digest(launches[i].digest);
	}
}

static void processors_by_their_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t signature; /* 0: unknown */
	} names[] = {
		{ "EPYC", 0x800f12 },
		{ "EPYC-v1", 0x800f12 },
		{ "EPYC-v5", 0x800f12 },
		{ "EPYC-IBPB", 0x800f12 },
		{ "EPYC-Rome-v5", 0x830f10 },
		{ "EPYC-Milan-v3", 0xa00f11 },
		{ "EPYC-Genoa-v2", 0xa10f10 },
		{ "EPYC-Turin-v1", 0xb00f00 },
		{ "EPYC-v6", 0 },
		{ "EPYC-v0", 0 },
		{ "EPYC-v10", 0 },
		{ "EPYC-", 0 },
		{ "EPYC-v", 0 },
		{ "EPYC-IBPB-v1", 0 },
		{ "EPYC-Turin-v2", 0 },
		{ "EPYCv1", 0 },
		{ "Xeon", 0 },
		{ "", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint32_t signature = 0;
		bool known = measure_cpu_signature(names[i].name, &signature);
		if (known != (names[i].signature != 0) || signature != names[i].signature)
			fail_msg("%s: %#x", names[i].name, signature);
	}
}

static void known_values_of_the_debian_firmware(void **state)
{
	(void)state;
	static const char sum[] = "7b456907dd0786d415999e801a1ac4637b8ed4d7cf5378cfc6edbe5e574dd773";
	AUTO_BUF
	image = { 0 };
	struct measure_snp in = { .vcpus = 1, .cpu_signature = 0x800f12, .features = 1 };
	if (file_read("/usr/share/ovmf/OVMF.fd", 16 << 20, &image, NULL) != OK) {
		print_message("skipped: no package ovmf\n");
		skip();
	}
	uint8_t is[32];
	size_t len = 0;
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, image.data, image.len, is, &len), 1);
	AUTO_STR
	char *hex = hex_encode(BYTES(is));
	if (strcmp(hex, sum) != 0) {
		print_message("skipped: another version of the package ovmf\n");
		skip();
	}
	check_ok(measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
	check_digest(
		"4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a212967fb231c47");
	in.firmware = buf_bytes(&image);
	check_ok(measure_snp(&in, digest, &em));
	check_digest(
		"11570979c77a0adb515761a702527c8b9e11554e730552621d950988613a3a75c6ff1703f540bd22a9beede8fe7a97e3");
	in.vcpus = 4;
	check_ok(measure_snp(&in, digest, &em));
	check_digest(
		"32ac9d7a17d28f7cd4404a4516d2f00519668c40ada2062351c36767e908eb3f090d66c33ab10f80150e00a4385b6d0f");
	/* It has no page for a kernel's hash: a number would be wrong. */
	in.boot.kernel = bytes_str("kernel");
	check_err(ERR_UNSUPPORTED, measure_snp(&in, digest, &em));
}

enum { TDVF_AT = 0x110, ASEV_AT = 0x300, SIZE = 0x4000, TABLE_END = SIZE - 32 };

struct bent {
	size_t at;
	uint8_t value;
	enum err e;
};

static void malformed_tdx_metadata_are_refused(void **state)
{
	(void)state;
	static const struct bent bents[] = {
		{ TDVF_AT, 'X', ERR_UNSUPPORTED },
		{ TDVF_AT - 16, 0, ERR_UNSUPPORTED }, /* the GUID before it */
		{ TDVF_AT + 4, 0, ERR_PARSE }, /* length */
		{ TDVF_AT + 8, 2, ERR_UNSUPPORTED }, /* version */
		{ TDVF_AT + 12, 0, ERR_PARSE }, /* sections */
		{ TDVF_AT + 12, 65, ERR_PARSE },
		{ TDVF_AT + 16 + 3, 0x80, ERR_PARSE }, /* offset: beyond the file */
		{ TDVF_AT + 16 + 4 + 1, 0x28, ERR_PARSE }, /* raw size: beyond the file */
		{ TDVF_AT + 16 + 8, 1, ERR_PARSE }, /* gpa: no page */
		{ TDVF_AT + 16 + 16, 1, ERR_PARSE }, /* size: no pages */
		{ TDVF_AT + 16 + 16 + 1, 0x10, ERR_PARSE }, /* smaller than its data */
		{ TDVF_AT + 16 + 16 + 3, 0x20, ERR_LIMIT },
		{ TABLE_END - 16, 0, ERR_UNSUPPORTED }, /* the table's GUID: then it is td-shim's form */
		{ TABLE_END - 17, 0xff, ERR_PARSE }, /* the table's length */
		{ TABLE_END - 18, 0x11, ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		AUTO_BUF
		image = { 0 };
		vector_read("measure/ovmf.bin", &image);
		image.data[bents[i].at] = bents[i].value;
		if (bents[i].at == TABLE_END - 18)
			image.data[TABLE_END - 17] = 0;
		enum err e = measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em);
		if (e != bents[i].e)
			fail_msg("byte %#zx: %s, %s", bents[i].at, err_name(e), em.text);
	}
}

static void malformed_sev_metadata_are_refused(void **state)
{
	(void)state;
	static const struct bent bents[] = {
		{ ASEV_AT, 'X', ERR_UNSUPPORTED },    { ASEV_AT + 4, 0, ERR_PARSE },
		{ ASEV_AT + 8, 2, ERR_UNSUPPORTED },  { ASEV_AT + 12, 0, ERR_PARSE },
		{ ASEV_AT + 12, 65, ERR_PARSE },      { ASEV_AT + 16, 1, ERR_PARSE }, /* gpa: no page */
		{ ASEV_AT + 20 + 1, 0, ERR_PARSE },   /* no pages */ { ASEV_AT + 20 + 3, 0x80, ERR_PARSE },
		{ ASEV_AT + 24, 9, ERR_UNSUPPORTED }, /* type */ { ASEV_AT + 16 + 12 + 5, 0x20, ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		AUTO_BUF
		image = { 0 };
		vector_read("measure/ovmf.bin", &image);
		image.data[bents[i].at] = bents[i].value;
		struct measure_snp in = { .firmware = buf_bytes(&image), .vcpus = 1, .features = 1 };
		enum err e = measure_snp(&in, digest, &em);
		if (e != bents[i].e)
			fail_msg("byte %#zx: %s, %s", bents[i].at, err_name(e), em.text);
	}
}

static void what_has_no_metadata_is_refused(void **state)
{
	(void)state;
	static const uint8_t zeros[8192] = { 0 };
	static const size_t lengths[] = { 0, 1, 31, 32, 47, 49, 4096, 8192 };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct bytes image = { zeros, lengths[i] };
		struct measure_snp in = { .firmware = image, .vcpus = 1 };
		check_err(ERR_UNSUPPORTED, measure_tdx(image, MEASURE_INTERLEAVED, digest, &em));
		enum err e = measure_snp(&in, digest, &em);
		assert_true(e == ERR_UNSUPPORTED || e == ERR_PARSE);
	}
}

/* Whoever has no kernel has its hash. */
static void hashes_of_a_kernel_measure_as_the_kernel(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	struct measure_boot boot = { bytes_str("kernel"), bytes_str("initrd"), "console=ttyS0" };
	struct measure_boot_hashes hashes;
	vector_read("measure/ovmf.bin", &image);
	struct measure_snp in = { .firmware = buf_bytes(&image), .vcpus = 3, .features = 0x21, .hashes = &hashes };
	assert_true(measure_cpu_signature("EPYC-Milan", &in.cpu_signature));
	check_ok(measure_boot_hash(&boot, &hashes, &em));
	check_ok(measure_snp(&in, digest, &em));
	check_digest(snp_3_kernel);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/ovmf.bin", &image);
	struct measure_snp in = { .firmware = buf_bytes(&image), .vcpus = 0 };
	check_err(ERR_ARG, measure_snp(&in, digest, &em));
	in.vcpus = 4097;
	check_err(ERR_ARG, measure_snp(&in, digest, &em));
	in.vcpus = 1;
	in.boot.initrd = bytes_str("initrd");
	check_err(ERR_ARG, measure_snp(&in, digest, &em));
	in.boot = (struct measure_boot){ .append = "console=ttyS0" };
	check_err(ERR_ARG, measure_snp(&in, digest, &em));
	in.boot.append = NULL;
	in.vmm = MEASURE_IGVM;
	check_err(ERR_ARG, measure_snp(&in, digest, &em));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mrtd_in_both_page_orders),
		cmocka_unit_test(launch_digests_with_and_without_a_kernel),
		cmocka_unit_test(each_vmm_launches_in_its_own_way),
		cmocka_unit_test(processors_by_their_names),
		cmocka_unit_test(known_values_of_the_debian_firmware),
		cmocka_unit_test(malformed_tdx_metadata_are_refused),
		cmocka_unit_test(malformed_sev_metadata_are_refused),
		cmocka_unit_test(what_has_no_metadata_is_refused),
		cmocka_unit_test(hashes_of_a_kernel_measure_as_the_kernel),
		cmocka_unit_test(wrong_arguments_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
