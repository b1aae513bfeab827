/* IGVM files held against a second implementation, tests/vectors/measure/make.py. */
#include "attest/measure.h"
#include "tests/support/vector.h"

#include <zlib.h>

static const char guest_tdx[] =
	"817a809d146add2c893c6ddfa2629cf7ac312c0270b810490b86864df6766608a48134f8f9b465221e00ab3eaee1fc78";
static const char guest_snp[] =
	"603be4dc35ac06754bddcac4ce8362f189e5501d13ddaa9ffa5ceaa711ebae2371fa1e3f02007b238fc8a887e3fe79c7";
static const char guest_qemu[] =
	"d1d685a071d3fcf426825982f404c9f7721679ff49ed006266615fba073c1217682d35e707372f4bfd5da1f8e4423c04";
static const char id_block_snp[] =
	"8c2853bb11991fff3d0e76f0400870afad32a237a1cd8a647544cc6463fdc50ef8c8274db43d87df44b118c2bc1aec41";

static uint8_t digest[MEASURE_LEN];

static void check_digest(const char *wanted)
{
	AUTO_STR
	char *hex = hex_encode(BYTES(digest));
	assert_string_equal(hex, wanted);
}

static enum err snp(const struct buf *image, enum measure_vmm vmm)
{
	return measure_snp(&(struct measure_snp){ .firmware = buf_bytes(image), .vmm = vmm }, digest, &em);
}

static uint32_t le32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void le32_put(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Where the nth header of the type begins. */
static size_t header_at(const struct buf *image, uint32_t type, unsigned nth)
{
	size_t at = le32(image->data + 8);
	size_t end = at + le32(image->data + 12);
	while (at < end) {
		if (le32(image->data + at) == type && nth-- == 0)
			return at;
		at += 8 + (le32(image->data + at + 4) + 7) / 8 * 8;
	}
	fail_msg("no header of type %#x", type);
	return 0;
}

static void checksum_mend(struct buf *image)
{
	uint32_t fixed = le32(image->data + 4) == 1 ? 24 : 32;
	le32_put(image->data + 20, 0);
	uLong crc = crc32(crc32(0, NULL, 0), image->data, fixed);
	le32_put(image->data + 20, (uint32_t)crc32(crc, image->data + le32(image->data + 8), le32(image->data + 12)));
}

static void an_igvm_file_measures_for_each_platform(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/guest.igvm", &image);
	check_ok(measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
	check_digest(guest_tdx);
	check_ok(snp(&image, MEASURE_IGVM));
	check_digest(guest_snp);
	check_ok(snp(&image, MEASURE_QEMU));
	check_digest(guest_qemu);
	check_err(ERR_ARG, measure_tdx(buf_bytes(&image), MEASURE_TWO_PASS, digest, &em));
	check_err(ERR_UNSUPPORTED, snp(&image, MEASURE_EC2));
	check_err(ERR_UNSUPPORTED, snp(&image, MEASURE_GCE));
}

static void an_id_block_demands_its_digest(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/id-block.igvm", &image);
	check_ok(snp(&image, MEASURE_IGVM));
	check_digest(id_block_snp);
	/* The file names TDX, and has nothing for it. */
	check_err(ERR_UNSUPPORTED, measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
	image.data[header_at(&image, 0x30b, 0) + 8 + 8 + 47] ^= 1;
	checksum_mend(&image);
	check_err(ERR_ATTEST, snp(&image, MEASURE_IGVM));
	assert_non_null(strstr(em.text, id_block_snp));
}

static void one_bit_of_what_is_loaded_changes_the_value(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	uint8_t before[MEASURE_LEN];
	vector_read("measure/guest.igvm", &image);
	check_ok(snp(&image, MEASURE_IGVM));
	memcpy(before, digest, sizeof before);
	size_t data = le32(image.data + header_at(&image, 0x302, 0) + 8 + 12);
	image.data[data + 4095] ^= 0x80;
	check_ok(snp(&image, MEASURE_IGVM));
	assert_memory_not_equal(digest, before, sizeof before);
	image.data[data + 4095] ^= 0x80;
	/* What is not measured may change: the contents of an unmeasured page. */
	image.data[le32(image.data + header_at(&image, 0x302, 5) + 8 + 12)] ^= 1;
	check_ok(snp(&image, MEASURE_IGVM));
	assert_memory_equal(digest, before, sizeof before);
}

struct bent {
	uint32_t type; /* 0: the fixed header */
	unsigned nth;
	size_t at; /* from the header's type on */
	uint32_t value; /* of four bytes */
	enum err e;
};

static void malformed_igvm_files_are_refused(void **state)
{
	(void)state;
	static const struct bent bents[] = {
		{ 0, 0, 4, 0, ERR_UNSUPPORTED }, /* version */
		{ 0, 0, 4, 3, ERR_UNSUPPORTED },
		{ 0, 0, 8, 16, ERR_PARSE }, /* the headers overlap the fixed one */
		{ 0, 0, 8, 25, ERR_PARSE }, /* no multiple of 8 */
		{ 0, 0, 8, 0xfffffff8, ERR_PARSE },
		{ 0, 0, 12, 0xffffffff, ERR_PARSE },
		{ 0, 0, 16, 100, ERR_PARSE }, /* the file's size */
		{ 1, 0, 0, 0x666, ERR_UNSUPPORTED }, /* a type that must be known */
		{ 1, 0, 4, 8, ERR_PARSE }, /* a length */
		{ 1, 0, 8, 0, ERR_PARSE }, /* no mask */
		{ 1, 0, 8, 3, ERR_PARSE }, /* of two bits */
		{ 1, 1, 8, 1, ERR_PARSE }, /* of both platforms */
		{ 1, 0, 12, 0x00010100, ERR_UNSUPPORTED }, /* another platform: nothing for ours */
		{ 1, 0, 12, 0x00020200, ERR_UNSUPPORTED }, /* its version */
		{ 1, 1, 12, 0x00010200, ERR_PARSE }, /* ours twice */
		{ 0x101, 0, 0, 1, ERR_PARSE }, /* a mask that is not one of a platform's */
		{ 0x107, 0, 4, 0xfffffff0, ERR_PARSE }, /* beyond the headers */
		{ 0x107, 0, 8, 0xff302e31, ERR_PARSE }, /* its filling is not zero */
		{ 0x305, 0, 0, 0x101, ERR_PARSE }, /* length of another */
		{ 0x301, 0, 8, 0x1800, ERR_PARSE }, /* no pages */
		{ 0x301, 0, 12, 1, ERR_LIMIT },
		{ 0x301, 0, 20, 0xfffff000, ERR_PARSE }, /* outside of the file */
		{ 0x303, 0, 20, 8, ERR_PARSE }, /* an area that is not there */
		{ 0x307, 0, 8, 8, ERR_PARSE },
		{ 0x307, 0, 12, 0x2000, ERR_PARSE }, /* behind its area */
		{ 0x303, 0, 8, 1, ERR_PARSE }, /* no page */
		{ 0x303, 0, 16, 4, ERR_PARSE }, /* for nobody */
		{ 0x302, 0, 8, 0x100001, ERR_PARSE },
		{ 0x302, 0, 12, 0x00100000, ERR_PARSE }, /* beyond a guest's memory */
		{ 0x302, 0, 16, 0, ERR_PARSE },
		{ 0x302, 0, 16, 8, ERR_PARSE },
		{ 0x302, 0, 20, 8, ERR_PARSE }, /* data in the headers */
		{ 0x302, 0, 20, 0xfffffff0, ERR_PARSE },
		{ 0x302, 0, 24, 1, ERR_UNSUPPORTED }, /* 2 MiB */
		{ 0x302, 0, 24, 8, ERR_UNSUPPORTED }, /* a flag that is not known */
		{ 0x302, 0, 28, 4, ERR_UNSUPPORTED }, /* and a type */
		{ 0x302, 0, 28, 0x10000, ERR_PARSE }, /* reserved */
		{ 0x304, 0, 20, 0, ERR_PARSE }, /* a processor without state */
		{ 0x304, 0, 8, 0x800, ERR_PARSE },
		{ 0x304, 0, 0, 1, ERR_PARSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		AUTO_BUF
		image = { 0 };
		const struct bent *b = &bents[i];
		vector_read("measure/guest.igvm", &image);
		size_t at = b->at + (b->type ? header_at(&image, b->type, b->nth) : 0);
		le32_put(image.data + at, b->value);
		if (b->type)
			checksum_mend(&image);
		enum err e = snp(&image, MEASURE_IGVM);
		if (e != b->e)
			fail_msg("bent %zu, header %#x: %s, %s", i, b->type, err_name(e), em.text);
	}
}

/* A page that the loader may move has no address that could be measured. */
static void what_may_be_moved_is_refused(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/guest.igvm", &image);
	/* In the place of those that need not be known, as long as one for page tables. */
	size_t at = header_at(&image, 0x80000150, 0);
	le32_put(image.data + at, 0x80000103);
	le32_put(image.data + at + 4, 32);
	le32_put(image.data + at + 8, 1);
	le32_put(image.data + at + 40, 0x80000151);
	le32_put(image.data + at + 44, 0);
	checksum_mend(&image);
	check_err(ERR_UNSUPPORTED, snp(&image, MEASURE_IGVM));
	assert_non_null(strstr(em.text, "move"));
	check_ok(measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
	check_digest(guest_tdx);
}

static void qemu_refuses_what_it_does_not_load(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/guest.igvm", &image);
	size_t at = header_at(&image, 0x304, 0);
	le32_put(image.data + at + 8, 0x1000);
	checksum_mend(&image);
	check_err(ERR_UNSUPPORTED, snp(&image, MEASURE_QEMU));
	check_ok(snp(&image, MEASURE_IGVM));
	/* The processor's state in the place of a page, so that pages follow. */
	vector_read("measure/guest.igvm", &image);
	size_t page = header_at(&image, 0x302, 6);
	memcpy(image.data + page, image.data + header_at(&image, 0x304, 0), 28);
	memset(image.data + page + 28, 0, 4);
	checksum_mend(&image);
	check_err(ERR_UNSUPPORTED, snp(&image, MEASURE_QEMU));
	check_ok(snp(&image, MEASURE_IGVM));
	/* For TDX there is no such state. */
	le32_put(image.data + page + 16, 3);
	checksum_mend(&image);
	check_err(ERR_UNSUPPORTED, measure_tdx(buf_bytes(&image), MEASURE_INTERLEAVED, digest, &em));
}

static void every_truncation_and_a_wrong_checksum_are_refused(void **state)
{
	(void)state;
	AUTO_BUF
	image = { 0 };
	vector_read("measure/guest.igvm", &image);
	size_t headers = le32(image.data + 8) + le32(image.data + 12);
	for (size_t len = 4; len < headers; len++) {
		AUTO_BUF
		cut = { 0 };
		check_ok(buf_append(&cut, (struct bytes){ image.data, len }, 0, &em));
		check_err(ERR_PARSE, snp(&cut, MEASURE_IGVM));
		if (len < 24)
			continue;
		le32_put(cut.data + 16, (uint32_t)len);
		assert_int_not_equal(snp(&cut, MEASURE_IGVM), OK);
	}
	for (size_t at = 20; at < headers; at++) {
		image.data[at] ^= 1;
		assert_int_not_equal(snp(&image, MEASURE_IGVM), OK);
		image.data[at] ^= 1;
	}
	image.data[headers - 1] ^= 1;
	check_err(ERR_INTEGRITY, snp(&image, MEASURE_IGVM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_igvm_file_measures_for_each_platform),
		cmocka_unit_test(an_id_block_demands_its_digest),
		cmocka_unit_test(one_bit_of_what_is_loaded_changes_the_value),
		cmocka_unit_test(malformed_igvm_files_are_refused),
		cmocka_unit_test(what_may_be_moved_is_refused),
		cmocka_unit_test(qemu_refuses_what_it_does_not_load),
		cmocka_unit_test(every_truncation_and_a_wrong_checksum_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
