/* Runs a fuzz target where there is no libFuzzer: every seed as it stands, then mutations of the seeds. The
 * mutations follow from a fixed number, so that a run can be had again: FUZZ_SEED (default 1), FUZZ_RUNS (how
 * many mutations, default 3000), FUZZ_SEEDS or the arguments (seed files, or folders of them).
 * A failing input is left in FUZZ_KEEP (a file name), if that is set. */
#include "tests/support/fuzz.h"

#include "common/bytes.h"
#include "common/file.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 16, SEEDS_MAX = 4096, DEFAULT_RUNS = 3000 };

static struct buf seeds[SEEDS_MAX];
static size_t seed_count;

/* xorshift64*: good enough to choose bytes with, the same everywhere. */
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(size_t n)
{
	return n ? (size_t)(random_next() >> 11) % n : 0;
}

/* What a mutation works on. Always room for INPUT_MAX bytes. */
struct input {
	uint8_t data[INPUT_MAX];
	size_t len;
};

static void flip_bit(struct input *in)
{
	if (in->len)
		in->data[random_below(in->len)] ^= (uint8_t)(1U << random_below(8));
}

static void change_byte(struct input *in)
{
	if (in->len)
		in->data[random_below(in->len)] = (uint8_t)random_next();
}

static void cut_off(struct input *in)
{
	in->len = random_below(in->len + 1);
}

static void remove_range(struct input *in)
{
	size_t at = random_below(in->len);
	size_t n = random_below(in->len - at + 1);
	memmove(in->data + at, in->data + at + n, in->len - at - n);
	in->len -= n;
}

static void insert(struct input *in, size_t at, struct bytes more)
{
	if (more.len > INPUT_MAX - in->len)
		return;
	memmove(in->data + at + more.len, in->data + at, in->len - at);
	memcpy(in->data + at, more.data, more.len);
	in->len += more.len;
}

static void duplicate_range(struct input *in)
{
	static uint8_t copy[INPUT_MAX];
	size_t at = random_below(in->len);
	size_t n = random_below(in->len - at + 1);
	memcpy(copy, in->data + at, n);
	insert(in, at, (struct bytes){ copy, n });
}

static void cross_over(struct input *in)
{
	struct bytes other = buf_bytes(&seeds[random_below(seed_count)]);
	if (other.len == 0)
		return;
	size_t from = random_below(other.len);
	size_t n = random_below(other.len - from + 1);
	insert(in, random_below(in->len + 1), (struct bytes){ other.data + from, n });
}

/* Lengths and counts at the edges, in both byte orders. */
static void interesting_number(struct input *in)
{
	static const uint64_t numbers[] = { 0,          1,          0x7f,      0x80,       0xff,
					    0x7fff,     0x8000,     0xffff,    0x7fffffff, 0x80000000,
					    0xffffffff, 1ULL << 53, INT64_MAX, UINT64_MAX };
	size_t width = (size_t)1 << random_below(4);
	if (in->len < width)
		return;
	uint64_t number = numbers[random_below(ARRAY_LEN(numbers))];
	bool big_endian = random_below(2);
	uint8_t *at = in->data + random_below(in->len - width + 1);
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(number >> 8 * (big_endian ? width - 1 - i : i));
}

/* What texts are made of. */
static void interesting_text(struct input *in)
{
	static const char *const texts[] = { "\"",
					     "\\u0000",
					     "\\ud800",
					     "{",
					     "}",
					     "[",
					     "]",
					     ":",
					     ",",
					     "null",
					     "-1",
					     "1e999",
					     "../",
					     "/",
					     "%s",
					     "\xff",
					     "\n",
					     "=",
					     "9007199254740993",
					     "/*",
					     "*/",
					     "\xc0\x80",
					     "//",
					     "kbs://",
					     "AAAA",
					     "true" };
	insert(in, random_below(in->len + 1), bytes_str(texts[random_below(ARRAY_LEN(texts))]));
}

static void (*const mutations[])(struct input *in) = {
	flip_bit, change_byte, cut_off, remove_range, cross_over, duplicate_range, interesting_number, interesting_text,
};

static void mutate(struct input *in)
{
	struct bytes seed = buf_bytes(&seeds[random_below(seed_count)]);
	in->len = seed.len;
	if (seed.len)
		memcpy(in->data, seed.data, seed.len);
	for (size_t times = 1 + random_below(4); times > 0; times--)
		mutations[random_below(ARRAY_LEN(mutations))](in);
}

/* A copy of exactly its length, so that a sanitizer or valgrind sees a read past the end. */
static void run(struct bytes input)
{
	const char *keep = getenv("FUZZ_KEEP");
	struct errmsg em = { "" };
	if (keep && file_write_atomic(keep, input, (struct file_write){ .mode = 0600 }, &em) != OK)
		fprintf(stderr, "%s\n", em.text);
	uint8_t *copy = malloc(input.len ? input.len : 1);
	if (!copy)
		exit(1);
	if (input.len)
		memcpy(copy, input.data, input.len);
	LLVMFuzzerTestOneInput(copy, input.len);
	free(copy);
	if (keep)
		unlink(keep);
}

static void add_file(const char *path)
{
	struct errmsg em = { "" };
	if (seed_count == SEEDS_MAX || file_read(path, INPUT_MAX, &seeds[seed_count], &em) != OK) {
		fprintf(stderr, "seed: %s\n", seed_count == SEEDS_MAX ? "too many" : em.text);
		exit(1);
	}
	seed_count++;
}

/* In the order of their names: a run must not depend on the file system. */
static void add(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	struct dirent **names = NULL;
	int count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char *whole = NULL;
		if (names[i]->d_name[0] != '.' && asprintf(&whole, "%s/%s", path, names[i]->d_name) > 0) {
			add_file(whole);
			free(whole);
		}
		free(names[i]);
	}
	free(names);
}

/* tests/fuzz/common/json_fuzz finds its seeds in $TOP_SRCDIR/tests/fuzz/common/json.seeds. */
static void add_default(const char *program)
{
	const char *seeds_path = getenv("FUZZ_SEEDS");
	if (seeds_path) {
		add(seeds_path);
		return;
	}
	const char *top = getenv("TOP_SRCDIR");
	const char *below = strstr(program, "tests/fuzz/");
	if (!top || !below)
		return;
	/* libtool may run tests/fuzz/common/.libs/lt-json_fuzz for it. */
	const char *name = strrchr(below, '/') + 1;
	const char *libs = strstr(below, "/.libs/");
	int folder_len = (int)((libs ? libs + 1 : name) - below);
	if (strncmp(name, "lt-", 3) == 0)
		name += 3;
	const char *suffix = strstr(name, "_fuzz");
	char *path = NULL;
	if (suffix && asprintf(&path, "%s/%.*s%.*s.seeds", top, folder_len, below, (int)(suffix - name), name) > 0)
		add(path);
	free(path);
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	static struct input input;
	for (int i = 1; i < argc; i++)
		add(argv[i]);
	if (argc < 2)
		add_default(argv[0]);
	if (seed_count == 0) {
		fprintf(stderr, "%s: no seeds: name files or folders, or set TOP_SRCDIR\n", argv[0]);
		return 1;
	}
	run((struct bytes){ 0 }); /* as libFuzzer begins */
	for (size_t i = 0; i < seed_count; i++)
		run(buf_bytes(&seeds[i]));
	random_state = number_from("FUZZ_SEED", 1) * 0x9e3779b97f4a7c15ULL + 1;
	unsigned long runs = number_from("FUZZ_RUNS", DEFAULT_RUNS);
	for (unsigned long i = 0; i < runs; i++) {
		mutate(&input);
		run((struct bytes){ input.data, input.len });
	}
	printf("%zu seeds and %lu mutations of them\n", seed_count, runs);
	for (size_t i = 0; i < seed_count; i++)
		buf_clear(&seeds[i]);
	return 0;
}
