/* What a relying party hands in: event logs, init data, reference values, times. */
#include "attest/appraise.h"
#include "attest/event_log.h"
#include "attest/reference.h"
#include "tests/support/vector.h"

static struct appraisal a;

static void check_hex(const char *wanted, struct bytes got)
{
	AUTO_STR
	char *hex = hex_encode(got);
	assert_string_equal(hex, wanted);
}

/* Computed apart from this code, with Python's hashlib. */
static void a_real_event_log_is_replayed(void **state)
{
	(void)state;
	static const char *const wanted[] = {
		"8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404f2ab9cc90abe193",
		"775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6",
		"94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a",
		"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
	};
	AUTO_BUF
	log = { 0 };
	struct event_log_registers r;
	if (!fixture_read("ccel/CCEL_data_ovmf", &log))
		skip();
	check_ok(event_log_replay(buf_bytes(&log), &r, &em));
	for (int i = 0; i < EVENT_RTMRS; i++)
		check_hex(wanted[i], BYTES(r.rtmr[i]));
	/* The events end at 2120, and 8 bytes of filling end the log. Cut between two events it is a shorter log. */
	size_t shorter = 0;
	for (size_t len = 0; len < 2120; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		memcpy(cut, log.data, len);
		enum err e = event_log_replay((struct bytes){ cut, len }, &r, &em);
		assert_true(e == OK || e == ERR_PARSE);
		shorter += e == OK;
		free(cut);
	}
	/* One cut behind each of 19 events and the first; cuts inside an index that is not filling are refused. */
	assert_in_range(shorter, 20, 24);
}

/* A log of one event; its bytes can be bent. */
static void log_make(struct buf *to, uint32_t index, uint32_t type)
{
	static const uint8_t spec[] = { 'S', 'p', 'e', 'c', ' ', 'I', 'D',  ' ', 'E', 'v', 'e',
					'n', 't', '0', '3', 0,   0,   0,    0,   0,   0,   2,
					0,   2,   1,   0,   0,   0,   0x0c, 0,   48,  0,   0 };
	uint8_t head[28] = { 1, 0, 0, 0, 3 };
	uint8_t size[4] = { sizeof spec };
	uint8_t event[12] = { (uint8_t)index, 0, 0, 0, (uint8_t)type, 0, 0, 0, 1 };
	uint8_t digest[50] = { 0x0c, 0, 0x11, 0x22 };
	static const uint8_t data[6] = { 2, 0, 0, 0, 'h', 'i' };
	buf_clear(to);
	check_ok(buf_append(to, BYTES(head), 0, &em));
	check_ok(buf_append(to, BYTES(size), 0, &em));
	check_ok(buf_append(to, BYTES(spec), 0, &em));
	check_ok(buf_append(to, BYTES(event), 0, &em));
	check_ok(buf_append(to, BYTES(digest), 0, &em));
	check_ok(buf_append(to, BYTES(data), 0, &em));
}

enum { SPEC_AT = 32, EVENT_AT = 32 + 33, DIGEST_AT = EVENT_AT + 12, DATA_AT = DIGEST_AT + 50 };

static void events_extend_the_register_of_their_index(void **state)
{
	(void)state;
	AUTO_BUF
	log = { 0 };
	struct event_log_registers r;
	for (uint32_t index = 0; index < 5; index++) {
		log_make(&log, index, 8);
		check_ok(event_log_replay(buf_bytes(&log), &r, &em));
		assert_int_equal(r.events, index > 0);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(r.rtmr[i][0] != 0, index == i + 1);
	}
	log_make(&log, 1, 3);
	check_ok(event_log_replay(buf_bytes(&log), &r, &em));
	assert_int_equal(r.events, 0); /* EV_NO_ACTION */
}

static void malformed_event_logs_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		enum err e;
	} bents[] = {
		{ 4, 2, ERR_PARSE }, /* the first event's type */
		{ 28, 0xff, ERR_PARSE }, /* its size */
		{ SPEC_AT, 's', ERR_PARSE },
		{ SPEC_AT + 24, 0, ERR_PARSE }, /* algorithms */
		{ SPEC_AT + 24, 17, ERR_PARSE },
		{ SPEC_AT + 24, 2, ERR_PARSE },
		{ SPEC_AT + 28, 0x0b, ERR_PARSE }, /* another one than the event's */
		{ SPEC_AT + 30, 32, ERR_PARSE }, /* SHA-384 with 32 bytes */
		{ SPEC_AT + 31, 1, ERR_PARSE },
		{ EVENT_AT, 5, ERR_PARSE },
		{ EVENT_AT + 8, 2, ERR_PARSE }, /* digests */
		{ EVENT_AT + 8, 0, ERR_PARSE },
		{ EVENT_AT + 10, 1, ERR_PARSE },
		{ DIGEST_AT, 4, ERR_PARSE },
		{ DATA_AT, 3, ERR_PARSE },
		{ DATA_AT + 3, 0xff, ERR_PARSE },
	};
	AUTO_BUF
	log = { 0 };
	struct event_log_registers r;
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		log_make(&log, 1, 8);
		log.data[bents[i].at] = bents[i].value;
		check_err(bents[i].e, event_log_replay(buf_bytes(&log), &r, &em));
	}
	check_err(ERR_LIMIT, event_log_replay((struct bytes){ log.data, EVENT_LOG_MAX + 1 }, &r, &em));
}

static void init_data_is_hashed_as_it_stands(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *digest; /* sha256sum, sha384sum, sha512sum of the text */
	} good[] = {
		{ "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\nversion = '2'\n",
		  "a2b518d4fa5df789021cde225945330a82d009973864f8f6c4098b1fd3040a4f" },
		{ "# a comment\r\n\n\talgorithm='sha-384'# here too\r\nversion\t=\t'0.1.0'",
		  "fa9d14e9470f2d7939f5b4afca8341519ba9f40586e2cd8b871c5a13886ccbc43ea5799845e517f55ce39b50c6c2f35b" },
		{ " {\"version\":\"0.1.0\",\"algorithm\":\"sha512\",\"data\":{}}",
		  "69c306b32bb6917e1321e0bdf754bd0f16433df8195f43356be44ed0c1b9e6b6d342126d2296ba863533a06be69daa82642b"
		  "2dcf81633beba57b397bfde25df7" },
	};
	struct attest_digest d;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		check_ok(verifier_init_data_digest(bytes_str(good[i].text), &d, &em));
		check_hex(good[i].digest, (struct bytes){ d.data, d.len });
	}
}

static void other_init_data_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err e;
	} bad[] = {
		{ "", ERR_PARSE },
		{ "version = \"0.1.0\"\n", ERR_PARSE },
		{ "algorithm = \"sha256\"\n[data]\nversion = \"0.1.0\"\n", ERR_PARSE },
		{ "version = \"0.1.0\"\nversion = \"0.1.0\"\nalgorithm = \"sha256\"", ERR_PARSE },
		{ "version = \"0.2.0\"\nalgorithm = \"sha256\"", ERR_UNSUPPORTED },
		{ "version = \"0.1.0\"\nalgorithm = \"md5\"", ERR_UNSUPPORTED },
		{ "version = \"0.1.0\"\nalgorithm = \"SHA256\"", ERR_UNSUPPORTED },
		{ "version = \"0.1.0\"\nalgorithm = \"sha256", ERR_PARSE },
		{ "version = \"0.1.0\" x\nalgorithm = \"sha256\"", ERR_PARSE },
		{ "version = 0.1.0\nalgorithm = \"sha256\"", ERR_UNSUPPORTED },
		{ "version = 1\nalgorithm = \"sha256\"", ERR_PARSE },
		{ "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\na = 1", ERR_PARSE },
		{ "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"../a\" = ''", ERR_PARSE },
		{ "initdata", ERR_UNSUPPORTED },
		{ "H4sIAAAAAAAAA", ERR_UNSUPPORTED },
		{ "other = 1\nversion = \"0.1.0\"\nalgorithm = \"sha256\"", ERR_PARSE },
		{ "{\"version\":\"0.1.0\"}", ERR_PARSE },
		{ "{\"version\":\"0.1.0\",\"algorithm\":\"sha256\",\"algorithm\":\"sha384\"}", ERR_PARSE },
		{ "{", ERR_PARSE },
	};
	struct attest_digest d;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check_err(bad[i].e, verifier_init_data_digest(bytes_str(bad[i].text), &d, &em));
}

static void a_digest_is_cut_or_padded_to_its_field(void **state)
{
	(void)state;
	uint8_t digest[64];
	uint8_t field[48];
	memset(digest, 9, sizeof digest);
	memset(field, 9, sizeof field);
	appraise_bound(&a, &(struct appraise_field){ "init data", BYTES(digest), BYTES(field) });
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	memset(field + 32, 0, 16);
	appraise_bound(&a, &(struct appraise_field){ "init data", { digest, 32 }, BYTES(field) });
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	/* 32 bytes are not the beginning of 48 others. */
	field[47] = 1;
	appraise_bound(&a, &(struct appraise_field){ "init data", { digest, 32 }, BYTES(field) });
	assert_int_equal(a.status, APPRAISAL_MISMATCH);
	appraisal_clear(&a);
}

static const uint8_t measured[4] = { 0xde, 0xad, 0xbe, 0xef };

static enum err compare(const char *text)
{
	struct reference_value values[] = { { "mr_td", BYTES(measured), NULL },
					    { "snp_bootloader", { NULL, 0 }, "3" } };
	appraisal_clear(&a);
	return reference_appraise(&a, bytes_str(text), values, ARRAY_LEN(values), &em);
}

static void reference_values_are_compared(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool holds;
	} files[] = {
		{ "{\"mr_td\":[\"deadbeef\"]}", true },
		{ "{\"mr_td\":[\"00\",\"DEADBEEF\"],\"snp_bootloader\":[3],\"rtmr_1\":[\"00\"]}", true },
		{ "{\"snp_bootloader\":[\"3\"]}", true },
		/* {"mr_td":["deadbeef"]} */
		{ "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"eyJtcl90ZCI6WyJkZWFkYmVlZiJdfQ==\"}",
		  true },
		{ "{\"mr_td\":[\"deadbeee\"]}", false },
		{ "{\"mr_td\":[\"deadbe\"]}", false },
		{ "{\"mr_td\":[\"deadbeef00\"]}", false },
		{ "{\"mr_td\":[3735928559]}", false },
		{ "{\"snp_bootloader\":[\"03\",4,\"\",null,3.0]}", false },
		{ "{\"mr_td\":[\"deadbeef\"],\"snp_bootloader\":[4]}", false },
		{ "{\"rtmr_1\":[\"00\"]}", false },
		{ "{}", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		check_ok(compare(files[i].text));
		if ((a.status == APPRAISAL_AFFIRMING) != files[i].holds)
			fail_msg("%s: %s", files[i].text, appraisal_status_name(a.status));
	}
	appraisal_clear(&a);
}

static void malformed_reference_values_are_refused(void **state)
{
	(void)state;
	static const char *const files[] = {
		"",
		"[]",
		"{\"mr_tdx\":[\"00\"]}",
		"{\"mr_td\":\"deadbeef\"}",
		"{\"mr_td\":[]}",
		"{\"mr_td\":[\"deadbeef\"],\"mr_td\":[\"00\"]}",
		"{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"!\"}",
		"{\"version\":\"0.1.0\",\"payload\":\"e30=\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		check_err(ERR_PARSE, compare(files[i]));
	check_err(ERR_UNSUPPORTED, compare("{\"version\":\"0.2.0\",\"type\":\"sample\",\"payload\":\"e30=\"}"));
	appraisal_clear(&a);
}

static void times_are_rfc_3339(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t when;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2025-07-01T00:00:00Z", 1751328000 },
		{ "2025-07-01T02:00:00+02:00", 1751328000 },
		{ "2025-06-30T18:30:00-05:30", 1751328000 },
		{ "2024-02-29T23:59:59Z", 1709251199 },
	};
	static const char *const bad[] = { "",
					   "2025-07-01",
					   "2025-07-01T00:00:00",
					   "2025-07-01 00:00:00Z",
					   "2025-02-29T00:00:00Z",
					   "2025-13-01T00:00:00Z",
					   "2025-07-01T24:00:00Z",
					   "2025-07-01T00:60:00Z",
					   "2025-07-01T00:00:00Zx",
					   "2025-07-01T00:00:00+2:00",
					   "-025-07-01T00:00:00Z",
					   "2025-07-01T00:00:00.5Z" };
	int64_t when = 0;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(appraisal_time_parse(good[i].text, &when));
		assert_int_equal(when, good[i].when);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (appraisal_time_parse(bad[i], &when))
			fail_msg("%s", bad[i]);
}

/* Values come from hostile evidence and go to a terminal; and no check may get lost. */
static void an_appraisal_is_bounded_and_printable(void **state)
{
	(void)state;
	char text[1000];
	memset(text, '\x1b', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	appraisal_expect(&a, CHECK("x", APPRAISAL_REFUSED), true, (struct check_texts){ text, text });
	assert_int_equal(strlen(a.checks[0].actual), APPRAISAL_VALUE_MAX - 1);
	assert_null(strchr(a.checks[0].actual, '\x1b'));
	assert_int_equal(a.status, APPRAISAL_AFFIRMING);
	for (int i = 0; i < APPRAISAL_CHECKS_MAX; i++)
		appraisal_not_made(&a, "y", "");
	assert_int_equal(a.status, APPRAISAL_MALFORMED);
	assert_non_null(appraisal_worst(&a));
	appraisal_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_event_log_is_replayed),
		cmocka_unit_test(events_extend_the_register_of_their_index),
		cmocka_unit_test(malformed_event_logs_are_refused),
		cmocka_unit_test(init_data_is_hashed_as_it_stands),
		cmocka_unit_test(other_init_data_is_refused),
		cmocka_unit_test(a_digest_is_cut_or_padded_to_its_field),
		cmocka_unit_test(reference_values_are_compared),
		cmocka_unit_test(malformed_reference_values_are_refused),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(an_appraisal_is_bounded_and_printable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
