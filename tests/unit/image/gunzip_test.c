/* gzip: members, cuts and changes. */
#include "image/gunzip.h"

#include "tests/support/check.h"

#include <zlib.h>

enum { SIZE = 300001 };
static uint8_t plain[SIZE];
static struct buf packed;

/* Another member behind those that are there, of the first `len` bytes. */
static void member_add(size_t len, int level, const char *name)
{
	z_stream z = { .next_in = plain, .avail_in = (uInt)len };
	gz_header header = { .name = (Bytef *)(uintptr_t)name, .hcrc = name != NULL };
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (name)
		assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
	size_t bound = deflateBound(&z, (uLong)len);
	check_ok(buf_reserve(&packed, bound, &em));
	z.next_out = packed.data + packed.len;
	z.avail_out = (uInt)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.len += bound - z.avail_out;
	deflateEnd(&z);
}

static int set_up(void **state)
{
	uint32_t seed = 1;
	(void)state;
	for (size_t i = 0; i < SIZE; i++) {
		seed = seed * 1103515245 + 12345;
		plain[i] = i % 7000 < 3000 ? (uint8_t)(seed >> 24) : (uint8_t)(seed >> 29);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&packed);
	return 0;
}

/* Gives no more than so much at once. */
struct slow {
	struct bytes left;
	size_t most;
};

static enum err slow_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *why)
{
	struct slow *s = ctx;
	(void)why;
	*got = s->left.len < s->most ? s->left.len : s->most;
	*got = *got < to.len ? *got : to.len;
	memcpy(to.data, s->left.data, *got);
	s->left = (struct bytes){ s->left.data + *got, s->left.len - *got };
	return OK;
}

static enum err unpack(struct slow source, size_t room, struct buf *out)
{
	static const struct stream_ops ops = { slow_read, free };
	static uint8_t chunk[SIZE];
	struct stream *from = NULL;
	AUTO(stream) *to = NULL;
	struct slow *ctx = malloc(sizeof *ctx);
	assert_non_null(ctx);
	*ctx = source;
	assert_int_equal(stream_new(&ops, ctx, &from, &em), OK);
	enum err e = gunzip_stream(from, &to, &em);
	for (size_t got = 1; e == OK && got > 0;) {
		e = stream_read(to, (struct stream_window){ chunk, room }, &got, &em);
		if (e == OK)
			e = buf_append(out, (struct bytes){ chunk, got }, 0, &em);
	}
	return e;
}

static void all_members_are_read_however_the_bytes_come(void **state)
{
	static const size_t ways[][2] = {
		{ 1, 1000 }, { 7, 65536 }, { 1 << 20, 1 }, { 1 << 20, SIZE }, { 4096, 4096 }
	};
	(void)state;
	member_add(SIZE, 6, NULL);
	member_add(0, 6, NULL);
	member_add(1000, 0, "a name, and a checksum of it");
	member_add(70000, 1, NULL);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		AUTO_BUF
		got = { 0 };
		check_ok(unpack((struct slow){ buf_bytes(&packed), ways[i][0] }, ways[i][1], &got));
		assert_int_equal(got.len, SIZE + 1000 + 70000);
		assert_memory_equal(got.data, plain, SIZE);
		assert_memory_equal(got.data + SIZE, plain, 1000);
		assert_memory_equal(got.data + SIZE + 1000, plain, 70000);
	}
}

static void a_stream_that_is_cut_anywhere_is_refused(void **state)
{
	(void)state;
	member_add(3000, 6, "name");
	for (size_t len = 1; len < packed.len; len += len < 40 || len + 40 > packed.len ? 1 : 17) {
		AUTO_BUF
		got = { 0 };
		check_err(ERR_PARSE, unpack((struct slow){ { packed.data, len }, 1 << 20 }, 65536, &got));
	}
}

static void what_is_changed_or_no_gzip_is_refused(void **state)
{
	(void)state;
	member_add(3000, 6, NULL);
	size_t whole = packed.len;
	check_ok(buf_append(&packed, bytes_str("not another member of it"), 0, &em));
	AUTO_BUF
	got = { 0 };
	check_err(ERR_PARSE, unpack((struct slow){ buf_bytes(&packed), 1 << 20 }, 65536, &got));
	check_err(ERR_PARSE, unpack((struct slow){ bytes_str("plain text, no gzip"), 5 }, 65536, &got));
	/* Its checksum, its length, and its contents. */
	static const size_t from_end[] = { 8, 1, 100 };
	for (size_t i = 0; i < ARRAY_LEN(from_end); i++) {
		packed.data[whole - from_end[i]] ^= 0x10;
		check_err(ERR_PARSE, unpack((struct slow){ { packed.data, whole }, 999 }, 65536, &got));
		packed.data[whole - from_end[i]] ^= 0x10;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_members_are_read_however_the_bytes_come, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stream_that_is_cut_anywhere_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_changed_or_no_gzip_is_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
