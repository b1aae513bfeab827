/* Layers in folders of their own, in overlayfs's form: what shows of them is what the layers make of one tree. */
#include "image/layer_apply.h"
#include "image/tree_stack.h"
#include "tests/unit/image/tar_fixture.h"

#include <errno.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LAYERS = 4, ENTRIES = 14, ROUNDS = 60 };

static char folder[64];
static int plain = -1;
static int layers[LAYERS];
static struct layer_stack stack;

static int inner_make(const char *name)
{
	char path[96];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0755), 0);
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

/* Where whiteouts can be made: overlayfs itself has none. */
static bool place_make(const char *around)
{
	snprintf(folder, sizeof folder, "%s/kbs-pkcs11-test-XXXXXX", around);
	if (!mkdtemp(folder))
		return false;
	int fd = open(folder, O_RDONLY | O_DIRECTORY);
	bool good = mknodat(fd, "whiteout", S_IFCHR, 0) == 0 && fsetxattr(fd, "user.overlay.x", "y", 1, 0) == 0;
	close(fd);
	if (!good)
		check_ok(tree_remove(AT_FDCWD, folder, &em));
	return good;
}

static int set_up(void **state)
{
	*state = NULL;
	if (!place_make("/tmp") && !place_make("/dev/shm")) {
		printf("skipped: no file system with overlayfs's whiteouts and attributes\n");
		*state = (void *)1;
		return 0;
	}
	plain = inner_make("plain");
	for (int i = 0; i < LAYERS; i++)
		layers[i] = inner_make((char[]){ (char)('0' + i), '\0' });
	stack = (struct layer_stack){ .roots = layers, .count = 1, .user_xattr = true, .unprivileged = true };
	return 0;
}

static int tear_down(void **state)
{
	if (*state)
		return 0;
	close(plain);
	for (int i = 0; i < LAYERS; i++)
		close(layers[i]);
	buf_clear(&tar_made);
	check_ok(tree_remove(AT_FDCWD, folder, &em));
	return 0;
}
#define SKIP_WHERE_IT_CANNOT_BE                                                                                        \
	if (*state)                                                                                                    \
	skip()

/* *number: how many entries it took. */
static enum err apply(struct tree *tree, unsigned *number)
{
	struct apply_options options = { .unprivileged = true };
	const struct tar_entry *entry = NULL;
	AUTO(layer_apply) *a = NULL;
	AUTO(tar) *tar = NULL;
	struct stream *stream = NULL;
	assert_int_equal(stream_from_bytes(buf_bytes(&tar_made), &stream, &em), OK);
	assert_int_equal(tar_open(stream, &tar, &em), OK);
	assert_int_equal(layer_apply_new(tree, &options, &a, &em), OK);
	enum err e;
	*number = 0;
	while ((e = tar_next(tar, &entry, &em)) == OK && entry && (e = layer_apply_entry(a, entry, tar, &em)) == OK)
		++*number;
	return e == OK ? layer_apply_finish(a, &em) : e;
}

/* What was made so far becomes the next layer, in both forms. */
static enum err layer_add(void)
{
	struct tree one = { .root = -1, .parent = -1 };
	struct tree own = { .root = -1, .parent = -1 };
	unsigned number = 0;
	unsigned own_number = 0;
	static const uint8_t end[2 * TAR_BLOCK];
	tar_add(end, sizeof end);
	assert_int_equal(tree_open(dup(plain), &one, &em), OK);
	enum err e = apply(&one, &number);
	struct errmsg said = em;
	assert_int_equal(tree_open(dup(layers[stack.count - 1]), &own, &em), OK);
	own.stack = &stack;
	enum err own_e = apply(&own, &own_number);
	if (own_e != e || own_number != number)
		fail_msg("entry %u: %d (%s); in overlayfs's form entry %u: %d (%s)", number, e, said.text, own_number,
			 own_e, em.text);
	tree_close(&one);
	tree_close(&own);
	buf_clear(&tar_made);
	return e;
}

static void next_layer(void)
{
	check_ok(layer_add());
	stack.count++;
	assert_true(stack.count <= LAYERS);
}

static const char *below(const char *path, const char *name)
{
	static char texts[16][512];
	static unsigned at;
	char *to = texts[at++ % 16];
	snprintf(to, 512, "%s%s%s", path, *path ? "/" : "", name);
	return to;
}

/* By way of a link that the same layer took away later, a folder's times are not kept in either form; but what that
 * changes is not the same, for in one form the folder is there already. */
static bool through_link;

static void same(const char *path, const struct stat *wanted, const struct stack_place *found)
{
	if ((wanted->st_mode & S_IFMT) != (found->st.st_mode & S_IFMT) ||
	    (!S_ISDIR(wanted->st_mode) && wanted->st_size != found->st.st_size) ||
	    (wanted->st_mtime < 1000000 && !(S_ISDIR(wanted->st_mode) && through_link) &&
	     wanted->st_mtime != found->st.st_mtime) ||
	    (wanted->st_mode & 07777) != (found->st.st_mode & 07777))
		fail_msg("%s: mode %o time %lld size %lld in place of %o %lld %lld", path, found->st.st_mode,
			 (long long)found->st.st_mtime, (long long)found->st.st_size, wanted->st_mode,
			 (long long)wanted->st_mtime, (long long)wanted->st_size);
}

/* All of the plain tree shows. */
static void all_shows(const char *path)
{
	int fd = openat(plain, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *dir = fdopendir(fd);
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		const char *at = below(path, entry->d_name);
		AUTO_STACK_PLACE found = { .path = NULL };
		assert_int_equal(fstatat(plain, at, &st, AT_SYMLINK_NOFOLLOW), 0);
		check_ok(stack_find(&stack, at, false, &found, &em));
		same(at, &st, &found);
		if (S_ISDIR(st.st_mode))
			all_shows(at);
	}
	closedir(dir);
}

/* And nothing else of any layer; no whiteout stands where overlayfs would show it. */
static void nothing_else_shows(size_t layer, const char *path)
{
	int fd = openat(layers[layer], *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *dir = fdopendir(fd);
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		const char *at = below(path, entry->d_name);
		AUTO_STACK_PLACE found = { .path = NULL };
		if (stack_find(&stack, at, false, &found, &em) == OK &&
		    fstatat(plain, at, &st, AT_SYMLINK_NOFOLLOW) != 0)
			fail_msg("%s of layer %zu shows", at, layer);
		assert_int_equal(fstatat(layers[layer], at, &st, AT_SYMLINK_NOFOLLOW), 0);
		if (stack_is_whiteout(&st))
			assert_true(layer > 0);
		if (S_ISDIR(st.st_mode))
			nothing_else_shows(layer, at);
	}
	closedir(dir);
}

static void both_are_the_same(void)
{
	all_shows("");
	for (size_t i = 0; i < stack.count; i++)
		nothing_else_shows(i, "");
}

static bool is_opaque(size_t layer, const char *path)
{
	char full[128];
	char value = 0;
	snprintf(full, sizeof full, "%s/%zu/%s", folder, layer, path);
	return getxattr(full, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static bool is_hidden(size_t layer, const char *path)
{
	struct stat st;
	return fstatat(layers[layer], path, &st, AT_SYMLINK_NOFOLLOW) == 0 && stack_is_whiteout(&st);
}

static void whiteouts_take_overlayfss_form(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	tar_file("gone", "1");
	tar_file("d/one", "1");
	tar_file("e/f/g", "1");
	tar_linked('2', "l", "e/f");
	next_layer();
	tar_file(".wh.gone", "");
	tar_file(".wh.never-there", "");
	tar_file("d/new", "2");
	tar_file("d/.wh..wh..opq", "");
	tar_file("l/.wh.g", "");
	tar_file("l/h", "2");
	check_ok(layer_add());
	assert_true(is_hidden(1, "gone"));
	assert_false(is_hidden(1, "never-there"));
	assert_true(is_opaque(1, "d"));
	assert_true(is_hidden(1, "e/f/g"));
	struct stat st;
	assert_int_equal(fstatat(layers[1], "l", &st, AT_SYMLINK_NOFOLLOW), -1);
	both_are_the_same();
}

static void a_folder_in_the_place_of_what_hid_one_hides_it_still(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	tar_file("a/old", "1");
	tar_file("b/old", "1");
	tar_file("c/old", "1");
	next_layer();
	tar_file(".wh.a", "");
	tar_file("a/new", "2");
	tar_file("b", "2");
	tar_folder("b");
	tar_file(".wh.c", "");
	tar_folder("c");
	check_ok(layer_add());
	assert_true(is_opaque(1, "a") && is_opaque(1, "b") && is_opaque(1, "c"));
	both_are_the_same();
}

/* In a folder that is opaque, overlayfs would show it; the roots of layers cannot be opaque. */
static void whiteouts_do_not_stand_where_they_would_show(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	tar_file("d/e/one", "1");
	tar_file("f", "1");
	next_layer();
	tar_file("d/e/.wh.one", "");
	tar_file("d/.wh..wh..opq", "");
	check_ok(layer_add());
	struct stat st;
	assert_int_equal(fstatat(layers[1], "d/e/one", &st, AT_SYMLINK_NOFOLLOW), -1);
	both_are_the_same();
	stack.count++;
	tar_file("g", "1");
	tar_file(".wh..wh..opq", "");
	check_ok(layer_add());
	assert_true(is_hidden(2, "d") && is_hidden(2, "f") && !is_hidden(2, "g"));
	assert_false(is_opaque(2, ""));
	both_are_the_same();
}

static void folders_on_the_way_are_as_they_are_below(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	struct stat st;
	char value[8];
	tar_pax_record("SCHILY.xattr.user.color=red");
	tar_header('5', "a", 0);
	snprintf((char *)tar_block + 100, 8, "%07o", 0711);
	snprintf((char *)tar_block + 136, 12, "%011o", 777);
	tar_seal();
	tar_file("a/b/c", "1");
	next_layer();
	tar_file("a/b/new", "2");
	check_ok(layer_add());
	assert_int_equal(fstatat(layers[1], "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(st.st_mtime, 777);
	int fd = openat(layers[1], "a", O_RDONLY);
	assert_int_equal(fgetxattr(fd, "user.color", value, sizeof value), 3);
	close(fd);
	both_are_the_same();
}

static void hard_links_reach_into_the_layers_below(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	struct stat one;
	struct stat two;
	tar_file("a/one", "1");
	tar_linked('2', "l", "a");
	next_layer();
	tar_linked('1', "two", "l/one");
	check_ok(layer_add());
	assert_int_equal(fstatat(layers[0], "a/one", &one, 0), 0);
	assert_int_equal(fstatat(layers[1], "two", &two, 0), 0);
	assert_int_equal(one.st_ino, two.st_ino);
	stack.count++;
	tar_file("a/.wh.one", "");
	tar_linked('1', "three", "a/one");
	check_err(ERR_PARSE, layer_add());
}

/* No link that leads nowhere is on the way. */
static bool can_be_made(const char *path)
{
	AUTO_STR
	char *at = strdup(path);
	for (char *slash = at + strlen(at); slash; slash = strrchr(at, '/')) {
		AUTO_STACK_PLACE found = { .path = NULL };
		AUTO_STACK_PLACE led = { .path = NULL };
		*slash = '\0';
		if (stack_find(&stack, at, false, &found, &em) == OK)
			return S_ISDIR(found.st.st_mode) ||
			       (stack_find(&stack, at, true, &led, &em) == OK && S_ISDIR(led.st.st_mode));
	}
	return true;
}

/* What stands under the name now makes room first. */
static bool is_beneath(const struct stack_place *what, const struct stack_place *folder_of, const char *leaf)
{
	AUTO_STR
	char *path = NULL;
	assert_true(asprintf(&path, "%s%s%s", folder_of->path, *folder_of->path ? "/" : "", leaf) > 0);
	size_t len = strlen(path);
	return strncmp(what->path, path, len) == 0 && (what->path[len] == '\0' || what->path[len] == '/');
}

/* Its folder is one, or can be made; what it links to is there, and stays there. */
static bool can_be(void)
{
	AUTO_STACK_PLACE at = { .path = NULL };
	AUTO_STACK_PLACE to = { .path = NULL };
	const char *path = (const char *)tar_block;
	const char *target = (const char *)tar_block + 157;
	const char *slash = strrchr(path, '/');
	AUTO_STR
	char *above = strndup(path, slash ? (size_t)(slash - path) : 0);
	enum err e = stack_find(&stack, above, true, &at, &em);
	through_link = through_link || (e == OK && strcmp(at.path, above) != 0);
	if (e == OK && !S_ISDIR(at.st.st_mode))
		return false;
	if (e != OK && (e != ERR_NOT_FOUND || !can_be_made(above)))
		return false;
	if (tar_block[156] != '1')
		return true;
	return e == OK && stack_find(&stack, target, false, &to, &em) == OK && !S_ISDIR(to.st.st_mode) &&
	       strncmp(target, path, strlen(path)) != 0 && !is_beneath(&to, &at, slash ? slash + 1 : path);
}

static uint32_t seed;

static uint32_t any(uint32_t of)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % of;
}

static const char *any_path(void)
{
	static char texts[4][16];
	static unsigned at;
	char *to = texts[at++ % 4];
	uint32_t depth = 1 + any(3);
	*to = '\0';
	for (uint32_t i = 0; i < depth; i++)
		snprintf(to + strlen(to), 16 - strlen(to), "%s%c", i > 0 ? "/" : "", (char)('a' + any(3)));
	return to;
}

static void any_entry(unsigned number)
{
	static const char kinds[] = "0000555521wwo";
	char kind = kinds[any(sizeof kinds - 1)];
	char path[32];
	snprintf(path, sizeof path, "%s", any_path());
	char *slash = strrchr(path, '/');
	char leaf = path[strlen(path) - 1];
	if (kind == 'w' || kind == 'o') {
		*(slash ? slash : path) = '\0';
		snprintf(path + strlen(path), sizeof path - strlen(path), "%s%s", *path ? "/" : "",
			 kind == 'w' ? (char[]){ '.', 'w', 'h', '.', leaf, '\0' } : WHITEOUT_OPAQUE);
		kind = '0';
	}
	tar_header(kind, path, 0);
	snprintf((char *)tar_block + 100, 8, "%07o", 0700 + any(64));
	snprintf((char *)tar_block + 136, 12, "%011o", 1000 + number);
	if (kind == '1' || kind == '2')
		snprintf((char *)tar_block + 157, 100, "%s", any_path());
	tar_seal();
}

/* One form of a layer in the making. */
struct form {
	struct tree tree;
	struct layer_apply *apply;
};

static void form_begin(struct form *f, int root, const struct layer_stack *of)
{
	static const struct apply_options options = { .unprivileged = true };
	assert_int_equal(tree_open(dup(root), &f->tree, &em), OK);
	f->tree.stack = of;
	assert_int_equal(layer_apply_new(&f->tree, &options, &f->apply, &em), OK);
}

static enum err form_take(struct form *f)
{
	const struct tar_entry *entry = NULL;
	AUTO(tar) *tar = NULL;
	struct stream *stream = NULL;
	assert_int_equal(stream_from_bytes(buf_bytes(&tar_made), &stream, &em), OK);
	assert_int_equal(tar_open(stream, &tar, &em), OK);
	assert_int_equal(tar_next(tar, &entry, &em), OK);
	return layer_apply_entry(f->apply, entry, tar, &em);
}

static void form_end(struct form *f)
{
	check_ok(layer_apply_finish(f->apply, &em));
	layer_apply_free(f->apply);
	tree_close(&f->tree);
}

static unsigned number;

/* One more layer of entries that can be. */
static void any_layer(void)
{
	struct form one;
	struct form own;
	form_begin(&one, plain, NULL);
	form_begin(&own, layers[stack.count - 1], &stack);
	for (unsigned taken = 0; taken < ENTRIES;) {
		any_entry(number++);
		/* What fails may have made room before. */
		if (!can_be()) {
			buf_clear(&tar_made);
			continue;
		}
		enum err e = form_take(&one);
		struct errmsg said = em;
		enum err own_e = form_take(&own);
		if (e != OK || own_e != OK)
			fail_msg("%s: %d (%s); in overlayfs's form %d (%s)", (char *)tar_block, e, said.text, own_e,
				 em.text);
		buf_clear(&tar_made);
		taken++;
	}
	form_end(&one);
	form_end(&own);
}

static void whatever_layers_say_both_forms_are_the_same(void **state)
{
	SKIP_WHERE_IT_CANNOT_BE;
	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = round;
		through_link = false;
		for (stack.count = 1; stack.count <= LAYERS; stack.count++) {
			any_layer();
			both_are_the_same();
		}
		tear_down(state);
		set_up(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whiteouts_take_overlayfss_form),
		TEST(a_folder_in_the_place_of_what_hid_one_hides_it_still),
		TEST(whiteouts_do_not_stand_where_they_would_show),
		TEST(folders_on_the_way_are_as_they_are_below),
		TEST(hard_links_reach_into_the_layers_below),
		TEST(whatever_layers_say_both_forms_are_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
