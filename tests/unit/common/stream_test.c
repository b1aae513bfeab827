#include "common/stream.h"

#include "tests/support/check.h"

#define ABC_SHA256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_SHA384                                                                                                     \
	"sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
#define ABC_SHA512                                                                                                     \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"      \
	"454d4423643ce80e2a9ac94fa54ca49f"
#define EMPTY_SHA256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct stream *from(const char *text)
{
	struct stream *s = NULL;
	check_ok(stream_from_bytes(bytes_str(text), &s, &em));
	return s;
}

/* Reads to the end, `step` bytes at a time. */
static enum err drain(struct stream *s, size_t step, struct buf *out)
{
	for (;;) {
		uint8_t window[64];
		size_t got = 99;
		enum err e = stream_read(s, (struct stream_window){ window, step }, &got, &em);
		if (e != OK || got == 0)
			return e;
		assert_in_range(got, 1, step);
		check_ok(buf_append(out, (struct bytes){ window, got }, 0, &em));
	}
}

static void check_drains(struct stream *s, size_t step, const char *wanted)
{
	AUTO_BUF
	all = { 0 };
	check_ok(drain(s, step, &all));
	check_bytes(bytes_str(wanted), buf_bytes(&all));
	check_ok(drain(s, step, &all)); /* the end stays the end */
	check_bytes(bytes_str(wanted), buf_bytes(&all));
}

static void reads_bytes(void **state)
{
	(void)state;
	for (size_t step = 1; step < 20; step++) {
		AUTO(stream) *s = from("hello, stream");
		check_drains(s, step, "hello, stream");
	}
	AUTO(stream) *empty = from("");
	check_drains(empty, 5, "");
	stream_free(NULL);
}

static void reads_a_descriptor_from_its_position_and_closes_it(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(0, pipe(ends));
	assert_int_equal(7, write(ends[1], "skipped", 7));
	assert_int_equal(5, write(ends[1], "taken", 5));
	close(ends[1]);
	char skipped[7];
	assert_int_equal(7, read(ends[0], skipped, 7));
	struct stream *s = NULL;
	check_ok(stream_from_fd(ends[0], &s, &em));
	check_drains(s, 2, "taken");
	stream_free(s);
	assert_int_equal(-1, fcntl(ends[0], F_GETFD));
}

static void reports_a_descriptor_that_cannot_be_read(void **state)
{
	(void)state;
	AUTO(stream) *s = NULL;
	check_ok(stream_from_fd(open("/", O_RDONLY), &s, &em));
	AUTO_BUF
	all = { 0 };
	check_err(ERR_IO, drain(s, 5, &all));
	check_err(ERR_IO, drain(s, 5, &all));
}

static void refuses_to_read_into_no_room(void **state)
{
	(void)state;
	AUTO(stream) *s = from("x");
	uint8_t byte = 0;
	size_t got = 7;
	check_err(ERR_ARG, stream_read(s, (struct stream_window){ &byte, 0 }, &got, &em));
	assert_int_equal(0, got);
	check_drains(s, 1, "x");
}

static enum err verified(const char *text, struct stream_expect expect, size_t step, struct buf *out)
{
	AUTO(stream) *s = NULL;
	enum err e = stream_verify(from(text), expect, &s, &em);
	return e == OK ? drain(s, step, out) : e;
}

static void passes_what_has_its_digest_and_size(void **state)
{
	(void)state;
	static const char *const digests[] = { ABC_SHA256, ABC_SHA384, ABC_SHA512 };
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		for (size_t step = 1; step < 5; step++)
			for (int64_t size = -1; size <= 3; size += 4) {
				AUTO_BUF
				out = { 0 };
				check_ok(verified("abc", (struct stream_expect){ digests[i], size, "layer" }, step,
						  &out));
				check_bytes(bytes_str("abc"), buf_bytes(&out));
			}
	AUTO_BUF
	none = { 0 };
	check_ok(verified("", (struct stream_expect){ EMPTY_SHA256, 0, NULL }, 8, &none));
}

static void gives_an_error_instead_of_the_end(void **state)
{
	(void)state;
	AUTO_BUF
	out = { 0 };
	check_err(ERR_INTEGRITY, verified("abd", (struct stream_expect){ ABC_SHA256, 3, "layer 1" }, 2, &out));
	assert_non_null(strstr(em.text, "layer 1"));
	check_err(ERR_INTEGRITY, verified("abd", (struct stream_expect){ ABC_SHA512, -1, "layer 1" }, 2, &out));
	check_err(ERR_INTEGRITY, verified("", (struct stream_expect){ ABC_SHA256, -1, "layer 1" }, 2, &out));
	check_err(ERR_INTEGRITY, verified("abc", (struct stream_expect){ ABC_SHA256, 4, "layer 1" }, 2, &out));
	check_err(ERR_INTEGRITY, verified("abc", (struct stream_expect){ ABC_SHA256, 0, "layer 1" }, 2, &out));
}

/* What lies beyond the size is not even handed on. */
static void stops_at_the_size(void **state)
{
	(void)state;
	AUTO_BUF
	out = { 0 };
	check_err(ERR_INTEGRITY, verified("abcdefgh", (struct stream_expect){ ABC_SHA256, 3, "layer" }, 1, &out));
	check_bytes(bytes_str("abc"), buf_bytes(&out));
}

static void stays_failed(void **state)
{
	(void)state;
	AUTO(stream) *s = NULL;
	check_ok(stream_verify(from("abd"), (struct stream_expect){ ABC_SHA256, 3, "layer" }, &s, &em));
	AUTO_BUF
	out = { 0 };
	for (int i = 0; i < 3; i++)
		check_err(ERR_INTEGRITY, drain(s, 8, &out));
	assert_int_equal(3, out.len);
}

static void refuses_digests_that_it_cannot_check(void **state)
{
	(void)state;
	static const struct {
		const char *digest;
		enum err wanted;
	} rows[] = {
		{ "", ERR_PARSE },
		{ "sha256", ERR_PARSE },
		{ "sha256:", ERR_PARSE },
		{ "sha256:00", ERR_PARSE },
		{ ABC_SHA256 "0", ERR_PARSE },
		{ ABC_SHA256 "00", ERR_PARSE },
		{ "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", ERR_PARSE },
		{ "sha256:../../../../../../../../../../../../../../../../../../etc/passwd.", ERR_PARSE },
		{ "sha384:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ERR_PARSE },
		{ "md5:900150983cd24fb0d6963f7d28e17f72", ERR_UNSUPPORTED },
		{ "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stream *s = NULL;
		check_err(rows[i].wanted,
			  stream_verify(from("abc"), (struct stream_expect){ rows[i].digest, 3, "x" }, &s, &em));
		assert_null(s);
	}
}

static void measures_what_goes_by(void **state)
{
	(void)state;
	struct stream_tally tally;
	AUTO(stream) *s = NULL;
	check_ok(stream_measure(from("abc"), &tally, &s, &em));
	uint8_t window[2];
	size_t got = 0;
	check_ok(stream_read(s, (struct stream_window){ window, 2 }, &got, &em));
	assert_int_equal(2, tally.size);
	assert_string_equal("", tally.digest); /* not before the end */
	check_drains(s, 2, "c");
	assert_int_equal(3, tally.size);
	assert_string_equal(ABC_SHA256, tally.digest);
}

static const char *tells_something(void *ctx)
{
	(void)ctx;
	return "sha256:known";
}

static void measures_by_asking_who_knows(void **state)
{
	(void)state;
	struct stream_tally tally;
	struct stream *inner = from("abc");
	AUTO(stream) *s = NULL;
	stream_tells_digest(inner, tells_something);
	assert_null(stream_digest(inner)); /* not before the end */
	check_ok(stream_measure(inner, &tally, &s, &em));
	check_drains(s, 2, "abc");
	assert_int_equal(3, tally.size);
	assert_string_equal("sha256:known", tally.digest);
}

static void chains(void **state)
{
	(void)state;
	struct stream_tally tally;
	struct stream *s = from("abc");
	check_ok(stream_verify(s, (struct stream_expect){ ABC_SHA384, 3, "inner" }, &s, &em));
	check_ok(stream_measure(s, &tally, &s, &em));
	check_ok(stream_verify(s, (struct stream_expect){ ABC_SHA512, -1, "outer" }, &s, &em));
	check_drains(s, 2, "abc");
	assert_string_equal(ABC_SHA256, tally.digest);
	stream_free(s);
}

static enum err too_much(void *ctx, struct stream_window to, size_t *got, struct errmsg *errmsg)
{
	(void)ctx;
	(void)errmsg;
	*got = to.len + 1;
	return OK;
}

static void keep(void *ctx)
{
	(void)ctx;
}

static void refuses_a_reader_that_claims_too_much(void **state)
{
	(void)state;
	static const struct stream_ops ops = { too_much, keep };
	AUTO(stream) *s = NULL;
	check_ok(stream_new(&ops, NULL, &s, &em));
	uint8_t window[2];
	size_t got = 0;
	check_err(ERR_INTERNAL, stream_read(s, (struct stream_window){ window, 2 }, &got, &em));
	assert_int_equal(0, got);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_bytes),
		cmocka_unit_test(reads_a_descriptor_from_its_position_and_closes_it),
		cmocka_unit_test(reports_a_descriptor_that_cannot_be_read),
		cmocka_unit_test(refuses_to_read_into_no_room),
		cmocka_unit_test(passes_what_has_its_digest_and_size),
		cmocka_unit_test(gives_an_error_instead_of_the_end),
		cmocka_unit_test(stops_at_the_size),
		cmocka_unit_test(stays_failed),
		cmocka_unit_test(refuses_digests_that_it_cannot_check),
		cmocka_unit_test(measures_what_goes_by),
		cmocka_unit_test(measures_by_asking_who_knows),
		cmocka_unit_test(chains),
		cmocka_unit_test(refuses_a_reader_that_claims_too_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
