/* Layers as friends and as enemies write them, applied to a folder that nothing may leave. */
#include "image/layer_apply.h"
#include "image/tar_header.h"
#include "tests/support/check.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* One header, its checksum right; more fields are set by whoever wants them, before seal(). */
static uint8_t block[TAR_BLOCK];
static struct buf archive;
static char folder[64]; /* with "root" in it, and a file "outside" */
static int root;

static void add(const void *data, size_t len)
{
	static const uint8_t zeros[TAR_BLOCK];
	assert_int_equal(buf_append(&archive, (struct bytes){ data, len }, 0, &em), OK);
	assert_int_equal(buf_append(&archive, (struct bytes){ zeros, -len % TAR_BLOCK }, 0, &em), OK);
}

static void header(char flag, const char *path, size_t size)
{
	memset(block, 0, sizeof block);
	snprintf((char *)block, 100, "%s", path);
	snprintf((char *)block + 100, 8, "%07o", flag == '5' ? 0755 : 0644);
	snprintf((char *)block + 108, 8, "%07o", 0);
	snprintf((char *)block + 116, 8, "%07o", 0);
	snprintf((char *)block + 124, 12, "%011zo", size);
	snprintf((char *)block + 136, 12, "%011o", 1700000000);
	block[156] = (uint8_t)flag;
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
}

static void seal(void)
{
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof block; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
	add(block, sizeof block);
}

static void file(const char *path, const char *contents)
{
	header('0', path, strlen(contents));
	seal();
	add(contents, strlen(contents));
}

static void dir(const char *path)
{
	header('5', path, 0);
	seal();
}

static void linked(char flag, const char *path, const char *target)
{
	header(flag, path, 0);
	snprintf((char *)block + 157, 100, "%s", target);
	seal();
}

static void pax(const char *records, size_t len)
{
	header('x', "pax", len);
	seal();
	add(records, len);
}

static size_t left_out;

/* Reads the archive through, as unpacking does. */
static enum err apply(void)
{
	static const uint8_t end[2 * TAR_BLOCK];
	struct apply_options options = { .unprivileged = true };
	struct tree tree = { .root = -1, .parent = -1 };
	const struct tar_entry *entry = NULL;
	AUTO(layer_apply) *a = NULL;
	AUTO(tar) *tar = NULL;
	struct stream *stream = NULL;
	add(end, sizeof end);
	assert_int_equal(stream_from_bytes(buf_bytes(&archive), &stream, &em), OK);
	assert_int_equal(tar_open(stream, &tar, &em), OK);
	assert_int_equal(tree_open(dup(root), &tree, &em), OK);
	assert_int_equal(layer_apply_new(&tree, &options, &a, &em), OK);
	enum err e;
	while ((e = tar_next(tar, &entry, &em)) == OK && entry && (e = layer_apply_entry(a, entry, tar, &em)) == OK)
		;
	if (e == OK)
		e = layer_apply_finish(a, &em);
	left_out = layer_apply_left_out(a);
	layer_apply_free(steal(&a));
	tree_close(&tree);
	tar_free(steal(&tar));
	buf_clear(&archive);
	return e;
}

static const char *at(const char *path)
{
	static char text[512];
	snprintf(text, sizeof text, "%s/root/%s", folder, path);
	return text;
}

static void holds(const char *path, const char *contents)
{
	char got[256] = "";
	int fd = open(at(path), O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	ssize_t n = read(fd, got, sizeof got - 1);
	close(fd);
	assert_true(n >= 0);
	assert_string_equal(got, contents);
}

static void missing(const char *path)
{
	struct stat st;
	if (lstat(at(path), &st) == 0)
		fail_msg("%s is there", path);
	assert_int_equal(errno, ENOENT);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/kbs-pkcs11-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(mkdir(at(""), 0755), 0);
	root = open(at(""), O_RDONLY | O_DIRECTORY);
	assert_true(root >= 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(root);
	buf_clear(&archive);
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY);
	check_ok(tree_remove(parent, strrchr(folder, '/') + 1, &em));
	close(parent);
	return 0;
}

static void files_folders_and_links_are_as_the_archive_says(void **state)
{
	(void)state;
	struct stat st;
	dir("./");
	dir("etc/");
	file("etc/motd", "hello");
	linked('2', "etc/link", "motd");
	linked('1', "etc/hard", "etc/motd");
	header('6', "fifo", 0);
	seal();
	file("deep/er/and/deeper", "x");
	check_ok(apply());
	holds("etc/motd", "hello");
	holds("deep/er/and/deeper", "x");
	assert_int_equal(stat(at("etc/hard"), &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtime, 1700000000);
	assert_int_equal(lstat(at("etc/link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(st.st_mtime, 1700000000);
	assert_int_equal(stat(at("etc"), &st), 0);
	assert_int_equal(st.st_mtime, 1700000000);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(at("fifo"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
}

static void nothing_leaves_the_root(void **state)
{
	(void)state;
	char outside[128];
	snprintf(outside, sizeof outside, "%s/outside", folder);
	static const char *const upwards[] = { "../outside", "a/../../outside", "..", "/../outside" };
	for (size_t i = 0; i < ARRAY_LEN(upwards); i++) {
		file(upwards[i], "bad");
		check_err(ERR_PARSE, apply());
	}
	file("/absolute", "in");
	linked('2', "up", "../../../..");
	file("up/outside", "in");
	linked('2', "slash", "/");
	file("slash/inside", "in");
	check_ok(apply());
	holds("absolute", "in");
	holds("outside", "in");
	holds("inside", "in");
	/* It would have to be beneath the root, under the same name. */
	linked('2', "away", folder);
	file("away/outside", "bad");
	check_err(ERR_PARSE, apply());
	assert_int_equal(access(outside, F_OK), -1);
}

static void hard_links_lead_nowhere_else(void **state)
{
	(void)state;
	linked('1', "link", "../outside");
	check_err(ERR_PARSE, apply());
	linked('1', "link", "/etc/passwd");
	check_err(ERR_PARSE, apply());
	linked('2', "away", "/etc");
	linked('1', "link", "away/passwd");
	check_err(ERR_PARSE, apply());
	/* A link to a link is that link, not what it points to. */
	linked('2', "soft", "/etc/passwd");
	linked('1', "hard", "soft");
	check_ok(apply());
	struct stat st;
	assert_int_equal(lstat(at("hard"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_file_is_never_written_through_a_link(void **state)
{
	(void)state;
	linked('2', "victim", "target");
	file("target", "good");
	check_ok(apply());
	file("victim", "new");
	check_ok(apply());
	holds("target", "good");
	holds("victim", "new");
	/* Nor through what replaced a folder that was looked up before. */
	dir("d");
	file("d/one", "1");
	linked('2', "d", "elsewhere");
	check_ok(apply());
	file("d/two", "2");
	check_err(ERR_PARSE, apply());
	missing("elsewhere/two");
}

static void what_comes_later_takes_the_place(void **state)
{
	(void)state;
	dir("a");
	file("a/b", "1");
	file("f", "1");
	check_ok(apply());
	file("a", "file now");
	dir("f");
	file("f/x", "2");
	file("f/x", "3");
	check_ok(apply());
	holds("a", "file now");
	holds("f/x", "3");
	/* A folder upon a folder keeps what is in it. */
	dir("f");
	check_ok(apply());
	holds("f/x", "3");
}

static void whiteouts_remove_what_is_below_and_spare_their_own_layer(void **state)
{
	(void)state;
	file("keep", "1");
	file("gone", "1");
	file("d/gone", "1");
	file("d/deep/gone", "1");
	file("e/lower", "1");
	check_ok(apply());
	file(".wh.gone", "");
	file(".wh.never-there", "");
	file("nowhere/.wh.x", "");
	file("d/deep/new", "2");
	file("d/.wh..wh..opq", "");
	file("e/upper", "2");
	file(".wh.e", "");
	check_ok(apply());
	holds("keep", "1");
	missing("gone");
	missing("d/gone");
	missing("d/deep/gone");
	holds("d/deep/new", "2");
	holds("e/upper", "2");
	missing("e/lower");
	missing(".wh.gone");
	missing("nowhere");
	static const char *const wrong[] = { ".wh.", ".wh..", ".wh...", "keep/../.wh.x" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		file(wrong[i], "");
		check_err(ERR_PARSE, apply());
	}
	/* What AUFS left behind. */
	file(".wh..wh.plnk", "");
	check_ok(apply());
	missing(".wh..wh.plnk");
}

static void a_whiteout_through_a_link_stays_inside(void **state)
{
	(void)state;
	char outside[128];
	snprintf(outside, sizeof outside, "%s/outside", folder);
	close(open(outside, O_CREAT | O_WRONLY, 0600));
	linked('2', "away", folder);
	linked('2', "up", "../..");
	check_ok(apply());
	file("away/.wh.outside", "");
	file("up/.wh.outside", "");
	file("away/.wh..wh..opq", "");
	check_ok(apply());
	assert_int_equal(access(outside, F_OK), 0);
}

static void devices_are_left_out_and_overlays_refused(void **state)
{
	(void)state;
	header('3', "null", 0);
	snprintf((char *)block + 329, 8, "%07o", 1);
	snprintf((char *)block + 337, 8, "%07o", 3);
	seal();
	check_ok(apply());
	assert_int_equal(left_out, 1);
	missing("null");
	header('3', "whiteout", 0);
	seal();
	check_err(ERR_PARSE, apply());
}

static void long_names_and_large_numbers_are_read(void **state)
{
	(void)state;
	char name[300];
	char record[400];
	struct stat st;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	name[200] = '/';
	header('L', "././@LongLink", strlen(name) + 1);
	seal();
	add(name, strlen(name) + 1);
	file("short", "gnu");
	check_ok(apply());
	holds(name, "gnu");
	int len = snprintf(record, sizeof record, "%zu path=%s\n", strlen(name) + 10, name);
	name[0] = 'p';
	memcpy(record + 9, name, strlen(name));
	pax(record, (size_t)len);
	pax("20 mtime=1.50000000\n", 20);
	file("short", "pax");
	check_ok(apply());
	holds(name, "pax");
	assert_int_equal(stat(at(name), &st), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	header('0', "base256", 3);
	memset(block + 124, 0, 12);
	block[124] = 0x80;
	block[135] = 3;
	seal();
	add("abc", 3);
	check_ok(apply());
	holds("base256", "abc");
}

static void what_is_no_archive_is_refused(void **state)
{
	(void)state;
	file("x", "contents");
	archive.data[0] ^= 1;
	check_err(ERR_PARSE, apply());
	file("x", "contents");
	buf_clear(&archive);
	header('0', "short", 5000);
	seal();
	check_err(ERR_PARSE, apply());
	static const char *const bad[] = { "5 a=b\n",  "x path=a\n", "999 path=a\n",
					   "8 path\n", "9 path=\n",  "12 size=-1\n" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		pax(bad[i], strlen(bad[i]));
		file("x", "");
		check_err(ERR_PARSE, apply());
	}
	pax("22 GNU.sparse.major=1\n", 22);
	file("x", "");
	check_err(ERR_UNSUPPORTED, apply());
	header('0', "negative", 0);
	memset(block + 124, 0xff, 12);
	seal();
	check_err(ERR_PARSE, apply());
	header('x', "huge", (size_t)TAR_PAX_MAX + 1);
	seal();
	check_err(ERR_LIMIT, apply());
	header('S', "sparse", 0);
	seal();
	check_err(ERR_UNSUPPORTED, apply());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_folders_and_links_are_as_the_archive_says),
		TEST(nothing_leaves_the_root),
		TEST(hard_links_lead_nowhere_else),
		TEST(a_file_is_never_written_through_a_link),
		TEST(what_comes_later_takes_the_place),
		TEST(whiteouts_remove_what_is_below_and_spare_their_own_layer),
		TEST(a_whiteout_through_a_link_stays_inside),
		TEST(devices_are_left_out_and_overlays_refused),
		TEST(long_names_and_large_numbers_are_read),
		TEST(what_is_no_archive_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
