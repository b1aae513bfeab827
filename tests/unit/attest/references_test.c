/* Documents held against a second implementation of CBOR, tests/vectors/references/make.py; and against whoever writes
 * documents to break their reader. */
#include "attest/references.h"
#include "common/libctx.h"
#include "tests/support/vector.h"

static struct references snp(void)
{
	struct references of = { .tee = REFERENCES_SNP,
				 .firmware = "OVMF.fd",
				 .firmware_len = 4096,
				 .vmm = "qemu",
				 .vcpus = 300,
				 .vcpu_type = "EPYC-Milan",
				 .features = 0x21,
				 .has_boot = true,
				 .svn = -1,
				 .signer = "Example" };
	memset(of.firmware_sha256, 0x5a, sizeof of.firmware_sha256);
	memset(of.value, 0x11, sizeof of.value);
	memset(of.boot.kernel, 1, sizeof of.boot.kernel);
	memset(of.boot.initrd, 2, sizeof of.boot.initrd);
	memset(of.boot.append, 3, sizeof of.boot.append);
	return of;
}

static struct references tdx(void)
{
	struct references of = { .tee = REFERENCES_TDX,
				 .firmware = "OVMF.fd",
				 .firmware_len = 4096,
				 .order = MEASURE_TWO_PASS,
				 .vmm = "qemu",
				 .vmm_version = "7.2",
				 .svn = 70000,
				 .not_before = 1767225600,
				 .not_after = 1798761600,
				 .signer = "Example" };
	memset(of.firmware_sha256, 0x5a, sizeof of.firmware_sha256);
	memset(of.value, 0x22, sizeof of.value);
	return of;
}

/* The processor is measured by QEMU alone. */
static struct references without_processor(void)
{
	struct references of = snp();
	memcpy(of.vmm, "gce", 4);
	of.vcpu_type[0] = '\0';
	return of;
}

/* All that such a file says itself is left out. */
static struct references igvm(struct references of)
{
	of.igvm = true;
	of.vcpus = 0;
	of.vcpu_type[0] = '\0';
	of.features = 0;
	of.has_boot = false;
	of.boot = (struct measure_boot_hashes){ .append = { 0 } };
	of.order = MEASURE_INTERLEAVED;
	return of;
}

static const struct references_seal unsealed = { NULL, NULL };

static void document(const struct references *of, enum references_form form, struct buf *out)
{
	buf_clear(out);
	check_ok(references_write(of, form, &unsealed, out, &em));
}

static void corims_are_byte_for_byte_what_another_encoder_makes(void **state)
{
	(void)state;
	const struct {
		struct references of;
		const char *vector;
	} cases[] = { { snp(), "references/snp.corim" }, { tdx(), "references/tdx.corim" } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF
		is = { 0 };
		AUTO_BUF
		wanted = { 0 };
		document(&cases[i].of, REFERENCES_CORIM, &is);
		vector_read(cases[i].vector, &wanted);
		assert_int_equal(is.len, wanted.len);
		assert_memory_equal(is.data, wanted.data, is.len);
	}
}

static void every_form_says_all_that_was_said(void **state)
{
	(void)state;
	const struct references all[] = { snp(), tdx(), without_processor(), igvm(snp()), igvm(tdx()) };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (int form = REFERENCES_JSON; form <= REFERENCES_CORIM; form++) {
			AUTO_BUF
			file = { 0 };
			AUTO_BUF
			again = { 0 };
			struct references read;
			bool is_signed = true;
			document(&all[i], (enum references_form)form, &file);
			check_ok(references_read(buf_bytes(&file), NULL, &read, &is_signed, &em));
			assert_false(is_signed);
			document(&read, (enum references_form)form, &again);
			assert_true(bytes_equal(buf_bytes(&file), buf_bytes(&again)));
			assert_memory_equal(read.value, all[i].value, sizeof read.value);
			assert_int_equal(read.svn, all[i].svn);
			assert_int_equal(read.not_after, all[i].not_after);
			assert_int_equal(read.igvm, all[i].igvm);
			assert_string_equal(read.vmm, all[i].vmm);
			assert_string_equal(read.vcpu_type, all[i].vcpu_type);
			assert_int_equal(read.order, all[i].order);
			assert_int_equal(read.vcpus, all[i].vcpus);
			assert_int_equal(read.features, all[i].features);
			assert_memory_equal(&read.boot, &all[i].boot, sizeof read.boot);
		}
	}
}

/* Each prefix in memory of just its size, so that a byte read behind it is seen. */
static void whatever_is_cut_off_is_refused(void **state)
{
	(void)state;
	struct references of = snp();
	for (int form = REFERENCES_JSON; form <= REFERENCES_CORIM; form++) {
		AUTO_BUF
		file = { 0 };
		document(&of, (enum references_form)form, &file);
		/* The end of JSON's line may miss. */
		size_t whole = form == REFERENCES_CORIM ? file.len : file.len - 1;
		for (size_t len = 0; len < whole; len++) {
			struct references read;
			bool is_signed;
			uint8_t *part = malloc(len ? len : 1);
			assert_non_null(part);
			memcpy(part, file.data, len);
			assert_int_not_equal(references_read((struct bytes){ part, len }, NULL, &read, &is_signed, &em),
					     OK);
			free(part);
		}
	}
}

/* No bit is without a meaning: one that changes is refused, or says something else. */
static void every_bit_of_a_signed_corim_counts(void **state)
{
	(void)state;
	AUTO_OF(EVP_PKEY) *key = EVP_PKEY_Q_keygen(libctx(), NULL, "ED25519");
	const struct references_seal seal = { key, NULL };
	struct references of = tdx();
	struct references read;
	bool is_signed = false;
	AUTO_BUF
	file = { 0 };
	check_ok(references_write(&of, REFERENCES_CORIM, &seal, &file, &em));
	check_ok(references_read(buf_bytes(&file), key, &read, &is_signed, &em));
	assert_true(is_signed);
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(references_read(buf_bytes(&file), key, &read, &is_signed, &em), OK);
		file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	check_ok(references_read(buf_bytes(&file), key, &read, &is_signed, &em));
}

static void other_encodings_of_the_same_are_refused(void **state)
{
	(void)state;
	/* 501 in four bytes, a map without an end, an array longer than memory. */
	static const uint8_t wide_tag[] = { 0xda, 0, 0, 1, 0xf5, 0xa3 };
	static const uint8_t endless[] = { 0xd9, 1, 0xf5, 0xbf, 0 };
	static const uint8_t vast[] = { 0xd9, 1, 0xf5, 0xa3, 0, 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t many[] = { 0xd2, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct bytes files[] = { BYTES(wide_tag), BYTES(endless), BYTES(vast), BYTES(many) };
	struct references read;
	bool is_signed;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_int_not_equal(references_read(files[i], NULL, &read, &is_signed, &em), OK);
}

static void what_a_corim_cannot_say_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	out = { 0 };
	struct references of = tdx();
	of.signer[0] = '\0';
	check_err(ERR_ARG, references_write(&of, REFERENCES_CORIM, &unsealed, &out, &em));
	of = tdx();
	of.not_after = 0;
	check_err(ERR_ARG, references_write(&of, REFERENCES_CORIM, &unsealed, &out, &em));
	of = tdx();
	of.not_after = of.not_before - 1;
	check_err(ERR_PARSE, references_write(&of, REFERENCES_JSON, &unsealed, &out, &em));
	of = snp();
	of.vcpus = 0;
	check_err(ERR_PARSE, references_write(&of, REFERENCES_RVPS, &unsealed, &out, &em));
	of = snp();
	memcpy(of.vmm, "xen", 4);
	check_err(ERR_UNSUPPORTED, references_write(&of, REFERENCES_JSON, &unsealed, &out, &em));
}

static void a_corim_of_another_names_values(void **state)
{
	(void)state;
	AUTO_BUF
	file = { 0 };
	struct references read;
	bool is_signed = true;
	uint8_t rtmr[MEASURE_LEN];
	vector_read("references/foreign.corim", &file);
	check_ok(references_read(buf_bytes(&file), NULL, &read, &is_signed, &em));
	assert_false(is_signed);
	/* Not of another platform, of one chip, or of a triple that is no reference. */
	assert_int_equal(read.named_count, 4);
	memset(rtmr, 3, sizeof rtmr);
	assert_memory_equal(read.named[1].value, rtmr, sizeof rtmr);
	assert_int_equal(read.named[2].tee, REFERENCES_TDX);
	assert_int_equal(read.named[3].tee, REFERENCES_SNP);
	assert_int_equal(read.not_before, 1767225600);
	assert_int_equal(read.not_after, 1798761600);
	for (size_t len = 0; len < file.len; len++) {
		uint8_t *cut = memcpy(malloc(len + 1), file.data, len + 1);
		assert_int_not_equal(references_read((struct bytes){ cut, len }, NULL, &read, &is_signed, &em), OK);
		free(cut);
	}
	/* Whose signature makes it count is not known here. */
	vector_read("references/foreign-authorized.corim", &file);
	check_err(ERR_UNSUPPORTED, references_read(buf_bytes(&file), NULL, &read, &is_signed, &em));
	/* 501({1: []}); and an array that says it has 2^32 items. */
	static const uint8_t nothing[] = { 0xd9, 0x01, 0xf5, 0xa1, 0x01, 0x80 };
	static const uint8_t many[] = { 0xd9, 0x01, 0xf5, 0xa1, 0x03, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0 };
	check_err(ERR_UNSUPPORTED, references_read(BYTES(nothing), NULL, &read, &is_signed, &em));
	check_err(ERR_PARSE, references_read(BYTES(many), NULL, &read, &is_signed, &em));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_corim_of_another_names_values),
		cmocka_unit_test(corims_are_byte_for_byte_what_another_encoder_makes),
		cmocka_unit_test(every_form_says_all_that_was_said),
		cmocka_unit_test(whatever_is_cut_off_is_refused),
		cmocka_unit_test(every_bit_of_a_signed_corim_counts),
		cmocka_unit_test(other_encodings_of_the_same_are_refused),
		cmocka_unit_test(what_a_corim_cannot_say_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
