/* Layers as friends and as enemies write them, applied to a folder that nothing may leave. */
#include "image/layer_apply.h"
#include "tests/unit/image/tar_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char folder[64]; /* with "root" in it, and a file "outside" */
static int root;

static size_t left_out;
static bool beside; /* first in a folder of its own, then moved, as layers are that are unpacked at once */
static bool anew; /* it was not possible */

static enum err entries_apply(struct layer_apply *a)
{
	const struct tar_entry *entry = NULL;
	AUTO(tar) *tar = NULL;
	struct stream *stream = NULL;
	assert_int_equal(stream_from_bytes(buf_bytes(&tar_made), &stream, &em), OK);
	assert_int_equal(tar_open(stream, &tar, &em), OK);
	enum err e;
	while ((e = tar_next(tar, &entry, &em)) == OK && entry && (e = layer_apply_entry(a, entry, tar, &em)) == OK)
		;
	return e;
}

static enum err apply_over(struct tree *tree)
{
	const struct apply_options options = { .place = APPLY_OVER, .unprivileged = true };
	AUTO(layer_apply) *a = NULL;
	assert_int_equal(layer_apply_new(tree, &options, &a, &em), OK);
	enum err e = entries_apply(a);
	if (e == OK)
		e = layer_apply_finish(a, &em);
	left_out = layer_apply_left_out(a);
	return e;
}

static enum err apply_beside(struct tree *tree)
{
	const struct apply_options options = { .place = APPLY_AHEAD, .unprivileged = true };
	struct tree own = { .root = -1, .parent = -1 };
	AUTO(layer_apply) *a = NULL;
	char path[80];
	snprintf(path, sizeof path, "%s/beside", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(tree_open(open(path, O_RDONLY | O_DIRECTORY), &own, &em), OK);
	assert_int_equal(layer_apply_new(&own, &options, &a, &em), OK);
	enum err e = entries_apply(a);
	if (e == OK)
		e = layer_apply_merge(a, tree, &em);
	left_out = layer_apply_left_out(a);
	anew = layer_apply_needs_lower(a);
	tree_close(&own);
	if (e == OK)
		assert_int_equal(rmdir(path), 0);
	int around = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(tree_remove(around, "beside", NULL), OK);
	close(around);
	return anew ? apply_over(tree) : e;
}

/* Reads the archive through, as unpacking does. */
static enum err apply(void)
{
	static const uint8_t end[2 * TAR_BLOCK];
	struct tree tree = { .root = -1, .parent = -1 };
	tar_add(end, sizeof end);
	anew = false;
	assert_int_equal(tree_open(dup(root), &tree, &em), OK);
	enum err e = beside ? apply_beside(&tree) : apply_over(&tree);
	tree_close(&tree);
	buf_clear(&tar_made);
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
	beside = *state != NULL;
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
	buf_clear(&tar_made);
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY);
	check_ok(tree_remove(parent, strrchr(folder, '/') + 1, &em));
	close(parent);
	return 0;
}

static void files_folders_and_links_are_as_the_archive_says(void **state)
{
	(void)state;
	struct stat st;
	tar_folder("./");
	tar_folder("etc/");
	tar_file("etc/motd", "hello");
	tar_linked('2', "etc/link", "motd");
	tar_linked('1', "etc/hard", "etc/motd");
	tar_header('6', "fifo", 0);
	tar_seal();
	tar_file("deep/er/and/deeper", "x");
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
		tar_file(upwards[i], "bad");
		check_err(ERR_PARSE, apply());
	}
	tar_file("/absolute", "in");
	tar_linked('2', "up", "../../../..");
	tar_file("up/outside", "in");
	tar_linked('2', "slash", "/");
	tar_file("slash/inside", "in");
	check_ok(apply());
	holds("absolute", "in");
	holds("outside", "in");
	holds("inside", "in");
	/* It would have to be beneath the root, under the same name. */
	tar_linked('2', "away", folder);
	tar_file("away/outside", "bad");
	check_err(ERR_PARSE, apply());
	assert_int_equal(access(outside, F_OK), -1);
}

static void hard_links_lead_nowhere_else(void **state)
{
	(void)state;
	tar_linked('1', "link", "../outside");
	check_err(ERR_PARSE, apply());
	tar_linked('1', "link", "/etc/passwd");
	check_err(ERR_PARSE, apply());
	tar_linked('2', "away", "/etc");
	tar_linked('1', "link", "away/passwd");
	check_err(ERR_PARSE, apply());
	/* A link to a link is that link, not what it points to. */
	tar_linked('2', "soft", "/etc/passwd");
	tar_linked('1', "hard", "soft");
	check_ok(apply());
	struct stat st;
	assert_int_equal(lstat(at("hard"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_file_is_never_written_through_a_link(void **state)
{
	(void)state;
	tar_linked('2', "victim", "target");
	tar_file("target", "good");
	check_ok(apply());
	tar_file("victim", "new");
	check_ok(apply());
	holds("target", "good");
	holds("victim", "new");
	/* Nor through what replaced a folder that was looked up before. */
	tar_folder("d");
	tar_file("d/one", "1");
	tar_linked('2', "d", "elsewhere");
	check_ok(apply());
	tar_file("d/two", "2");
	check_err(ERR_PARSE, apply());
	missing("elsewhere/two");
}

static void what_comes_later_takes_the_place(void **state)
{
	(void)state;
	tar_folder("a");
	tar_file("a/b", "1");
	tar_file("f", "1");
	check_ok(apply());
	tar_file("a", "file now");
	tar_folder("f");
	tar_file("f/x", "2");
	tar_file("f/x", "3");
	check_ok(apply());
	holds("a", "file now");
	holds("f/x", "3");
	/* A folder upon a folder keeps what is in it. */
	tar_folder("f");
	check_ok(apply());
	holds("f/x", "3");
}

static void whiteouts_remove_what_is_below_and_spare_their_own_layer(void **state)
{
	(void)state;
	tar_file("keep", "1");
	tar_file("gone", "1");
	tar_file("d/gone", "1");
	tar_file("d/deep/gone", "1");
	tar_file("e/lower", "1");
	check_ok(apply());
	tar_file(".wh.gone", "");
	tar_file(".wh.never-there", "");
	tar_file("nowhere/.wh.x", "");
	tar_file("d/deep/new", "2");
	tar_file("d/.wh..wh..opq", "");
	tar_file("e/upper", "2");
	tar_file(".wh.e", "");
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
		tar_file(wrong[i], "");
		check_err(ERR_PARSE, apply());
	}
	/* What AUFS left behind. */
	tar_file(".wh..wh.plnk", "");
	check_ok(apply());
	missing(".wh..wh.plnk");
}

static void a_whiteout_through_a_link_stays_inside(void **state)
{
	(void)state;
	char outside[128];
	snprintf(outside, sizeof outside, "%s/outside", folder);
	close(open(outside, O_CREAT | O_WRONLY, 0600));
	tar_linked('2', "away", folder);
	tar_linked('2', "up", "../..");
	check_ok(apply());
	tar_file("away/.wh.outside", "");
	tar_file("up/.wh.outside", "");
	tar_file("away/.wh..wh..opq", "");
	check_ok(apply());
	assert_int_equal(access(outside, F_OK), 0);
}

static void of_two_entries_of_a_folder_the_last_one_counts(void **state)
{
	(void)state;
	struct stat st;
	tar_folder("a");
	tar_folder("a/b");
	tar_header('5', "a", 0);
	snprintf((char *)tar_block + 100, 8, "%07o", 0700);
	snprintf((char *)tar_block + 136, 12, "%011o", 1600000000);
	tar_seal();
	check_ok(apply());
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_mtime, 1600000000);
	assert_int_equal(stat(at("a/b"), &st), 0);
	assert_int_equal(st.st_mtime, 1700000000);
}

static void a_folder_that_only_what_is_in_it_changes_stays_what_it_is(void **state)
{
	(void)state;
	struct stat st;
	tar_header('5', "a", 0);
	snprintf((char *)tar_block + 100, 8, "%07o", 0555);
	tar_seal();
	tar_file("a/gone", "1");
	tar_file("a/replaced", "1");
	check_ok(apply());
	tar_file("a/.wh.gone", "");
	tar_file("a/new", "2");
	tar_file("a/replaced", "2");
	check_ok(apply());
	holds("a/new", "2");
	holds("a/replaced", "2");
	missing("a/gone");
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(st.st_mtime, 1700000000);
	/* But not what has taken its place. */
	tar_file("a/newer", "3");
	tar_linked('2', "a", "b");
	tar_folder("b");
	tar_file("b/x", "3");
	check_ok(apply());
	assert_int_equal(lstat(at("a"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(at("b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

/* A path of the archive may be 4096 bytes; by way of a link folders get deeper than that. */
static void folders_of_any_depth_are_removed(void **state)
{
	(void)state;
	char deep[3000] = "d";
	struct rlimit before;
	struct rlimit few;
	for (size_t i = 1; i < 1400; i++)
		memcpy(deep + 2 * i - 1, "/d", 3);
	tar_pax_path(deep);
	tar_header('5', "x", 0);
	tar_seal();
	char link[3010];
	snprintf(link, sizeof link, "linkpath=%s", deep);
	tar_pax_record(link);
	tar_linked('2', "l", "x");
	deep[0] = 'l';
	tar_pax_path(deep);
	tar_file("x", "deepest");
	check_ok(apply());
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 200;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	tar_file(".wh.d", "");
	check_ok(apply());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	missing("d");
	assert_int_equal(check_folder_count(at("")), 1); /* the link */
}

static void holes_stay_holes(void **state)
{
	(void)state;
	struct stat st;
	char got[8] = "";
	tar_pax_record("GNU.sparse.size=4194304");
	tar_pax_record("GNU.sparse.map=2097152,3");
	tar_file("sparse", "abc");
	check_ok(apply());
	assert_int_equal(stat(at("sparse"), &st), 0);
	assert_int_equal(st.st_size, 4194304);
	assert_true(st.st_blocks < 1024);
	int fd = open(at("sparse"), O_RDONLY);
	assert_int_equal(pread(fd, got, 5, 2097151), 5);
	assert_memory_equal(got, "\0abc", 5);
	close(fd);
}

/* Nor a list of the archive's own on what is made later, nor one of the folder around. */
static void access_lists_are_not_handed_on(void **state)
{
	(void)state;
	/* acl(5), as the kernel has it: version 2; user::rwx, user:1:rwx, group::r-x, mask::rwx, other::r-x. */
	static const uint8_t acl[] = { 2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 2,   0,  7,
				       0, 1, 0,   0,   0,   4,   0,  5, 0,   255, 255, 255, 255, 16, 0,
				       7, 0, 255, 255, 255, 255, 32, 0, 5,   0,   255, 255, 255, 255 };
	static const char key[] = "SCHILY.xattr.system.posix_acl_default=";
	char record[200];
	int len = snprintf(record, sizeof record, "%zu %s", sizeof acl + strlen(key) + 4, key);
	if (fsetxattr(root, "system.posix_acl_default", acl, sizeof acl, 0) != 0)
		skip(); /* a file system without them */
	assert_int_equal(fremovexattr(root, "system.posix_acl_default"), 0);
	memcpy(record + len, acl, sizeof acl);
	record[(size_t)len + sizeof acl] = '\n';
	tar_pax(record, (size_t)len + sizeof acl + 1);
	tar_folder("d");
	tar_file("d/one", "1");
	check_ok(apply());
	tar_file("d/two", "2");
	check_ok(apply());
	uint8_t got[sizeof acl];
	assert_int_equal(getxattr(at("d"), "system.posix_acl_default", got, sizeof got), sizeof acl);
	assert_memory_equal(got, acl, sizeof acl);
	assert_int_equal(getxattr(at("d/one"), "system.posix_acl_access", got, sizeof got), -1);
	assert_int_equal(getxattr(at("d/two"), "system.posix_acl_access", got, sizeof got), -1);
}

static void devices_are_left_out_and_overlays_refused(void **state)
{
	(void)state;
	tar_header('3', "null", 0);
	snprintf((char *)tar_block + 329, 8, "%07o", 1);
	snprintf((char *)tar_block + 337, 8, "%07o", 3);
	tar_seal();
	check_ok(apply());
	assert_int_equal(left_out, 1);
	missing("null");
	tar_header('3', "whiteout", 0);
	tar_seal();
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
	tar_header('L', "././@LongLink", strlen(name) + 1);
	tar_seal();
	tar_add(name, strlen(name) + 1);
	tar_file("short", "gnu");
	check_ok(apply());
	holds(name, "gnu");
	int len = snprintf(record, sizeof record, "%zu path=%s\n", strlen(name) + 10, name);
	name[0] = 'p';
	memcpy(record + 9, name, strlen(name));
	tar_pax(record, (size_t)len);
	tar_pax("20 mtime=1.50000000\n", 20);
	tar_file("short", "pax");
	check_ok(apply());
	holds(name, "pax");
	assert_int_equal(stat(at(name), &st), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	tar_header('0', "base256", 3);
	memset(tar_block + 124, 0, 12);
	tar_block[124] = 0x80;
	tar_block[135] = 3;
	tar_seal();
	tar_add("abc", 3);
	check_ok(apply());
	holds("base256", "abc");
}

static void what_is_no_archive_is_refused(void **state)
{
	(void)state;
	tar_file("x", "contents");
	tar_made.data[0] ^= 1;
	check_err(ERR_PARSE, apply());
	tar_file("x", "contents");
	buf_clear(&tar_made);
	tar_header('0', "short", 5000);
	tar_seal();
	check_err(ERR_PARSE, apply());
	static const char *const bad[] = { "5 a=b\n",  "x path=a\n", "999 path=a\n",
					   "8 path\n", "9 path=\n",  "12 size=-1\n" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		tar_pax(bad[i], strlen(bad[i]));
		tar_file("x", "");
		check_err(ERR_PARSE, apply());
	}
	tar_header('0', "negative", 0);
	memset(tar_block + 124, 0xff, 12);
	tar_seal();
	check_err(ERR_PARSE, apply());
	tar_header('x', "huge", (size_t)TAR_PAX_MAX + 1);
	tar_seal();
	check_err(ERR_LIMIT, apply());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static mode_t mode_of(const char *path)
{
	struct stat st;
	if (lstat(at(path), &st) != 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st.st_mode;
}

static void folder_with(const char *path, unsigned mode)
{
	tar_header('5', path, 0);
	snprintf((char *)tar_block + 100, 8, "%07o", mode);
	tar_seal();
}

static void a_folder_that_both_have_keeps_its_files_and_takes_the_new_mode(void **state)
{
	(void)state;
	folder_with("etc", 0700);
	tar_file("etc/low", "low");
	tar_file("etc/both", "low");
	folder_with("var", 0711);
	tar_file("var/low", "low");
	check_ok(apply());
	folder_with("etc", 0751);
	tar_file("etc/both", "high");
	tar_file("etc/new/deep/high", "high");
	tar_file("var/high", "high"); /* of var itself it says nothing */
	check_ok(apply());
	assert_false(anew);
	holds("etc/low", "low");
	holds("etc/both", "high");
	holds("etc/new/deep/high", "high");
	holds("var/low", "low");
	holds("var/high", "high");
	assert_int_equal(mode_of("etc") & 07777, 0751);
	assert_int_equal(mode_of("var") & 07777, 0711);
}

static void files_and_folders_take_each_others_places(void **state)
{
	(void)state;
	tar_file("one", "a file");
	tar_folder("two");
	tar_file("two/inside", "low");
	tar_linked('2', "three", "two");
	tar_file("four", "a file");
	check_ok(apply());
	tar_folder("one");
	tar_file("one/inside", "high");
	tar_file("two", "a file");
	tar_folder("three");
	tar_file("three/inside", "high");
	check_ok(apply());
	assert_false(anew);
	holds("one/inside", "high");
	holds("two", "a file");
	assert_true(S_ISDIR(mode_of("three")));
	holds("three/inside", "high");
	/* On the way to a file there must be folders. */
	tar_file("four/inside", "high");
	check_err(ERR_PARSE, apply());
}

static void what_goes_through_a_link_below_goes_where_it_leads(void **state)
{
	(void)state;
	tar_folder("usr");
	tar_folder("usr/lib");
	tar_file("usr/lib/low", "low");
	tar_linked('2', "lib", "usr/lib");
	tar_linked('2', "away", "/../../nowhere");
	check_ok(apply());
	tar_file("lib/high", "high");
	tar_file("lib/new/high", "high");
	check_ok(apply());
	assert_false(anew);
	assert_true(S_ISLNK(mode_of("lib")));
	holds("usr/lib/low", "low");
	holds("usr/lib/high", "high");
	holds("usr/lib/new/high", "high");
	tar_file("away/high", "high");
	check_err(ERR_PARSE, apply());
}

/* What a layer that is unpacked by itself cannot know: then it is applied over the others after all. */
static void what_depends_on_the_layers_below_waits_for_them(void **state)
{
	(void)state;
	tar_folder("bin");
	tar_file("bin/tool", "low");
	tar_folder("old");
	tar_file("old/low", "low");
	check_ok(apply());
	tar_linked('1', "bin/alias", "bin/tool");
	check_ok(apply());
	assert_true(anew == beside);
	holds("bin/alias", "low");
	tar_linked('2', "sbin", "bin");
	tar_file("sbin/more", "high");
	check_ok(apply());
	assert_true(anew == beside);
	holds("bin/more", "high");
	/* A file in a folder's place, and a folder again: what was below is gone. */
	tar_file("old", "a file");
	tar_folder("old");
	tar_file("old/high", "high");
	check_ok(apply());
	assert_true(anew == beside);
	missing("old/low");
	holds("old/high", "high");
	tar_linked('1', "none", "bin/nothing");
	check_err(ERR_PARSE, apply());
}

static void whiteouts_hide_what_is_below_whatever_comes_first(void **state)
{
	(void)state;
	tar_folder("a");
	tar_file("a/low", "low");
	tar_file("a/both", "low");
	tar_folder("b");
	tar_file("b/low", "low");
	tar_folder("c");
	tar_file("c/low", "low");
	tar_linked('2', "d", "c");
	check_ok(apply());
	tar_file("a/both", "high");
	tar_file("a/.wh.both", "");
	tar_file("a/.wh.low", "");
	tar_file("a/.wh.never", "");
	tar_folder("b");
	tar_file("b/high", "high");
	tar_file("b/.wh..wh..opq", "");
	check_ok(apply());
	assert_false(anew);
	holds("a/both", "high");
	missing("a/low");
	missing("b/low");
	holds("b/high", "high");
	/* In a folder that takes a link's place nothing is to be hidden, and not behind the link either. */
	tar_folder("d");
	tar_file("d/.wh..wh..opq", "");
	check_ok(apply());
	assert_true(anew == beside);
	holds("c/low", "low");
	assert_true(S_ISDIR(mode_of("d")));
}

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
		TEST(of_two_entries_of_a_folder_the_last_one_counts),
		TEST(a_folder_that_only_what_is_in_it_changes_stays_what_it_is),
		TEST(folders_of_any_depth_are_removed),
		TEST(holes_stay_holes),
		TEST(access_lists_are_not_handed_on),
		TEST(devices_are_left_out_and_overlays_refused),
		TEST(long_names_and_large_numbers_are_read),
		TEST(what_is_no_archive_is_refused),
		TEST(a_folder_that_both_have_keeps_its_files_and_takes_the_new_mode),
		TEST(files_and_folders_take_each_others_places),
		TEST(what_goes_through_a_link_below_goes_where_it_leads),
		TEST(what_depends_on_the_layers_below_waits_for_them),
		TEST(whiteouts_hide_what_is_below_whatever_comes_first),
	};
	struct CMUnitTest all[2 * ARRAY_LEN(tests)];
	char names[ARRAY_LEN(all)][120];
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		bool second = i >= ARRAY_LEN(tests);
		all[i] = tests[i % ARRAY_LEN(tests)];
		snprintf(names[i], sizeof names[i], "%s (%s)", all[i].name,
			 second ? "unpacked beside" : "unpacked over");
		all[i].name = names[i];
		all[i].initial_state = second ? &beside : NULL;
	}
	return cmocka_run_group_tests(all, NULL, NULL);
}
