#include "common/bytes.h"

#include "common/utf8.h"
#include "tests/support/check.h"

static void compares_contents_and_lengths(void **state)
{
	(void)state;
	assert_true(bytes_equal(bytes_str("abc"), bytes_str("abc")));
	assert_false(bytes_equal(bytes_str("abc"), bytes_str("abd")));
	assert_false(bytes_equal(bytes_str("abc"), bytes_str("ab")));
	assert_true(bytes_equal(bytes_str(""), (struct bytes){ 0 }));
	assert_true(bytes_equal(bytes_str(NULL), (struct bytes){ 0 }));
}

static void grows_to_its_bound(void **state)
{
	(void)state;
	AUTO_BUF
	b = { 0 };
	for (int i = 0; i < 1000; i++)
		check_ok(buf_append(&b, bytes_str("12345"), 5000, &em));
	check_err(ERR_LIMIT, buf_append(&b, bytes_str("1"), 5000, &em));
	check_ok(buf_append(&b, (struct bytes){ 0 }, 5000, &em));
	check_err(ERR_LIMIT, buf_append(&b, (struct bytes){ 0 }, 4999, &em));
	check_ok(buf_append(&b, bytes_str("1"), 0, &em));
	assert_int_equal(5001, b.len);
	assert_int_equal(5001, strlen(buf_cstr(&b)));
	assert_int_equal(5001, b.len);
	check_err(ERR_NOMEM, buf_reserve(&b, SIZE_MAX, &em));
	check_err(ERR_NOMEM, buf_reserve(&b, SIZE_MAX - 5001, &em));
	buf_clear(&b);
	assert_int_equal(0, b.cap);
	assert_string_equal("", buf_cstr(&b));
}

static void writes_and_reads_hex(void **state)
{
	(void)state;
	static const uint8_t all[] = { 0x00, 0x01, 0x7f, 0x80, 0xab, 0xff };
	AUTO_STR
	char *hex = hex_encode(BYTES(all));
	assert_string_equal("00017f80abff", hex);
	uint8_t back[6];
	check_ok(hex_decode("00017F80aBff", back, sizeof(back), &em));
	assert_memory_equal(all, back, sizeof(all));
}

static void refuses_hex_that_is_not_exact(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",     "0",    "00",   "000",  "00000", "000g",
					     "g000", " 000", "0x00", "00:0", "000000" };
	uint8_t to[2];
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check_err(ERR_PARSE, hex_decode(wrong[i], to, sizeof(to), &em));
}

static void knows_utf8(void **state)
{
	(void)state;
	static const char *const good[] = { "",
					    "a",
					    "\x7f",
					    "\xc2\x80",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xef\xbf\xbf",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const wrong[] = { "\x80",
					     "\xbf",
					     "\xc0\x80",
					     "\xc1\xbf",
					     "\xc2",
					     "\xc2|",
					     "\xe0\x9f\xbf",
					     "\xed\xa0\x80",
					     "\xed\xbf\xbf",
					     "\xe1\x80",
					     "\xf0\x8f\xbf\xbf",
					     "\xf4\x90\x80\x80",
					     "\xf5\x80\x80\x80",
					     "\xf8\x88\x80\x80\x80",
					     "\xfe",
					     "\xff",
					     "a\xf0\x90\x80" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(utf8_valid(bytes_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(utf8_valid(bytes_str(wrong[i])));
}

static void writes_every_character_as_it_reads_it(void **state)
{
	(void)state;
	for (uint32_t point = 0; point <= 0x10ffff; point++) {
		if (point >= 0xd800 && point <= 0xdfff)
			continue;
		uint8_t text[4];
		size_t len = utf8_put(point, text);
		size_t at = 0;
		uint32_t again = 0;
		if (!utf8_next((struct bytes){ text, len }, &at, &again) || again != point || at != len)
			fail_msg("U+%04X", point);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_contents_and_lengths),
		cmocka_unit_test(grows_to_its_bound),
		cmocka_unit_test(writes_and_reads_hex),
		cmocka_unit_test(refuses_hex_that_is_not_exact),
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(writes_every_character_as_it_reads_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
