/* gzip: members, cuts and changes. */
#include "image/gunzip.h"

#include "tests/support/check.h"

#include <zlib.h>

static const struct inflater *const inflaters[] = {
	&inflater_zlib,
#if HAVE_ISAL
	&inflater_isal,
#endif
};
static const struct inflater *by; /* the one that is tried */

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
	uint32_t value = 1;
	by = *state;
	for (size_t i = 0; i < SIZE; i++) {
		value = value * 1103515245 + 12345;
		plain[i] = i % 7000 < 3000 ? (uint8_t)(value >> 24) : (uint8_t)(value >> 29);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&packed);
	return 0;
}

static uint32_t seed;

static uint32_t some(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Gives no more than so much at once, or any part of that. */
struct slow {
	struct bytes left;
	size_t most;
	bool uneven;
};

static enum err slow_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *why)
{
	struct slow *s = ctx;
	(void)why;
	size_t most = s->uneven ? 1 + some((uint32_t)s->most) : s->most;
	*got = s->left.len < most ? s->left.len : most;
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
	enum err e = gunzip_stream_by(by, from, &to, &em);
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
		check_ok(unpack((struct slow){ buf_bytes(&packed), ways[i][0], false }, ways[i][1], &got));
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
		check_err(ERR_PARSE, unpack((struct slow){ { packed.data, len }, 1 << 20, false }, 65536, &got));
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
	check_err(ERR_PARSE, unpack((struct slow){ buf_bytes(&packed), 1 << 20, false }, 65536, &got));
	check_err(ERR_PARSE, unpack((struct slow){ bytes_str("plain text, no gzip"), 5, false }, 65536, &got));
	/* Its checksum, its length, and its contents. */
	static const size_t from_end[] = { 8, 1, 100 };
	for (size_t i = 0; i < ARRAY_LEN(from_end); i++) {
		packed.data[whole - from_end[i]] ^= 0x10;
		check_err(ERR_PARSE, unpack((struct slow){ { packed.data, whole }, 999, false }, 65536, &got));
		packed.data[whole - from_end[i]] ^= 0x10;
	}
}

/* Bytes of no pattern, of few values, that repeat what came far before, or nothing but one. */
static void plain_make(size_t len)
{
	uint32_t kind = some(4);
	for (size_t i = 0; i < len; i++) {
		if (kind == 0)
			plain[i] = (uint8_t)some(256);
		else if (kind == 1)
			plain[i] = (uint8_t)some(5);
		else if (kind == 2)
			plain[i] = i < 32000 || some(60) == 0 ? (uint8_t)some(256) : plain[i - 31999];
		else
			plain[i] = 'x';
	}
}

/* A stream of members of every level, strategy and memory level, some with flushes and full headers. */
static void stream_make(struct buf *wanted)
{
	static const int flushes[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK };
	char name[] = "name", comment[] = "a comment of it", extra[] = "more";
	gz_header header = { .name = (Bytef *)name,
			     .comment = (Bytef *)comment,
			     .extra = (Bytef *)extra,
			     .extra_len = 4,
			     .hcrc = (int)some(2) };
	for (uint32_t members = 1 + some(3); members > 0; members--) {
		size_t len = some(3) == 0 ? some(300) : some(90000);
		z_stream z = { .next_in = plain, .avail_in = (uInt)len / 3 };
		plain_make(len);
		assert_int_equal(
			deflateInit2(&z, (int)some(10), Z_DEFLATED, 16 + MAX_WBITS, 1 + (int)some(9), (int)some(5)),
			Z_OK);
		if (some(3) == 0)
			assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
		check_ok(buf_reserve(&packed, deflateBound(&z, (uLong)len) + 1000, &em));
		z.next_out = packed.data + packed.len;
		z.avail_out = (uInt)(packed.cap - packed.len);
		uInt room = z.avail_out;
		(void)deflate(&z, flushes[some(4)]);
		z.avail_in = (uInt)(len - len / 3);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		packed.len += room - z.avail_out;
		deflateEnd(&z);
		check_ok(buf_append(wanted, (struct bytes){ plain, len }, 0, &em));
	}
}

static void gives_what_went_in_whatever_packed_it_and_however_it_comes(void **state)
{
	static const size_t pieces[] = { 1, 2, 9, 100, 340, 5000, 70000 };
	static const size_t rooms[] = { 333, 4096, 65537, SIZE };
	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		AUTO_BUF
		wanted = { 0 };
		AUTO_BUF
		got = { 0 };
		seed = 0x2545f491 + round;
		packed.len = 0;
		stream_make(&wanted);
		for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
			const struct slow source = { buf_bytes(&packed), pieces[i], i % 2 == round % 2 };
			got.len = 0;
			check_ok(unpack(source, rooms[some(ARRAY_LEN(rooms))], &got));
			assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&wanted)));
		}
	}
}

/* Each of them, for each library. */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_members_are_read_however_the_bytes_come),
	cmocka_unit_test(a_stream_that_is_cut_anywhere_is_refused),
	cmocka_unit_test(what_is_changed_or_no_gzip_is_refused),
	cmocka_unit_test(gives_what_went_in_whatever_packed_it_and_however_it_comes),
};

int main(void)
{
	struct CMUnitTest all[ARRAY_LEN(tests) * ARRAY_LEN(inflaters)];
	char names[ARRAY_LEN(all)][120];
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct inflater *inflater = inflaters[i / ARRAY_LEN(tests)];
		all[i] = tests[i % ARRAY_LEN(tests)];
		snprintf(names[i], sizeof names[i], "%s (%s)", all[i].name, inflater->name);
		all[i].name = names[i];
		all[i].setup_func = set_up;
		all[i].teardown_func = tear_down;
		all[i].initial_state = (void *)(uintptr_t)inflater;
	}
	return cmocka_run_group_tests(all, NULL, NULL);
}
