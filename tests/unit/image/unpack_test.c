/* Images of many layers, unpacked, copied and pulled at once. */
#include "image/image.h"
#include "tests/unit/image/layout_fixture.h"
#include "tests/unit/image/okw_double.h"
#include "tests/unit/image/tar_fixture.h"

#include <sched.h>
#include <stdatomic.h>

enum { LAYERS = 12, FILES = 40 };

/* Each layer writes a file that all have, one that hides the one of the layer before, and some of its own; the sixth
 * links to what only lies below. */
static void layer_make(int n)
{
	static const uint8_t end[2 * TAR_BLOCK];
	char contents[32];
	snprintf(contents, sizeof contents, "%d", n);
	buf_clear(&tar_made);
	tar_folder("shared");
	tar_file("shared/last", contents);
	for (int i = 0; i < FILES; i++)
		tar_file(text("own-%d/sub/file-%d", n, i), contents);
	if (n > 0)
		tar_file(text("own-%d/sub/.wh.file-1", n - 1), "");
	if (n == 5)
		tar_linked('1', "linked", "own-3/sub/file-7");
	tar_add(end, sizeof end);
}

/* `lies`: the layer whose diff id is another's; -1: none does. `kinds`: so many layers come again and again. */
static void image_of(const struct fixture *f, int lies, int kinds)
{
	const char *layers = "", *ids = "";
	for (int n = 0; n < LAYERS; n++) {
		layer_make(n % kinds);
		const char *layer = put_blob(f->dir, LAYER_TAR, buf_bytes(&tar_made));
		char digest[72] = "";
		assert_non_null(strstr(layer, "sha256:"));
		snprintf(digest, sizeof digest, "%.71s", strstr(layer, "sha256:"));
		if (n == lies)
			digest[70] = digest[70] == '0' ? '1' : '0';
		layers = text("%s%s%s", layers, n ? "," : "", layer);
		ids = text("%s%s\"%s\"", ids, n ? "," : "", digest);
	}
	buf_clear(&tar_made);
	const char *config =
		text("{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		     ids);
	const char *manifest =
		text("{\"schemaVersion\":2,\"mediaType\":\"application/"
		     "vnd.oci.image.manifest.v1+json\",\"config\":%s,\"layers\":[%s]}",
		     put_blob(f->dir, "application/vnd.oci.image.config.v1+json", bytes_str(config)), layers);
	put_index(f->dir,
		  tagged(put_blob(f->dir, "application/vnd.oci.image.manifest.v1+json", bytes_str(manifest)), "app"));
}

static void image_make(const struct fixture *f, int lies)
{
	image_of(f, lies, LAYERS);
}

struct told {
	atomic_int inside; /* the callback is being called */
	unsigned done;
	unsigned kept;
	bool ended[LAYERS];
	bool alone; /* one call at a time, and one end a layer */
	bool in_order;
	atomic_int asked;
	int most; /* times that it may be asked before it says stop */
};

static void progress(void *user, const struct image_progress *p)
{
	struct told *t = user;
	bool first = atomic_fetch_add(&t->inside, 1) == 0;
	assert_in_range(p->layer, 0, LAYERS - 1);
	t->alone = t->alone && first && p->layers == LAYERS && !t->ended[p->layer];
	if (p->finished) {
		t->in_order = t->in_order && p->layer == t->done && p->done == p->total;
		t->ended[p->layer] = true;
		t->kept += p->kept;
		t->done++;
	}
	atomic_fetch_sub(&t->inside, 1);
}

static bool interrupted(void *user)
{
	struct told *t = user;
	return t->most > 0 && atomic_fetch_add(&t->asked, 1) >= t->most;
}

static enum err unpack(const struct fixture *f, struct told *told)
{
	const struct image_access access = { .insecure_policy = true };
	const struct image_unpack_options options = {
		.access = &access,
		.platform = { "linux", "amd64", NULL },
		.unprivileged = true,
		.progress = progress,
		.progress_user = told,
		.interrupted = interrupted,
		.interrupted_user = told,
	};
	struct image_unpacked out;
	told->in_order = told->alone = true;
	enum err e = image_unpack(f->src, f->out, &options, &out, &em);
	json_object_put(out.config);
	return e;
}

static void holds(const struct fixture *f, const char *path, const char *contents)
{
	AUTO_BUF
	got = get_file(text("%s/%s", f->out, path));
	assert_true(bytes_equal(buf_bytes(&got), bytes_str(contents)));
}

static void layers_are_moved_over_each_other_in_their_order(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 };
	image_make(f, -1);
	check_ok(unpack(f, &told));
	assert_true(told.in_order && told.alone);
	assert_int_equal(told.done, LAYERS);
	holds(f, "shared/last", text("%d", LAYERS - 1));
	holds(f, "linked", "3");
	for (int n = 0; n < LAYERS; n++) {
		holds(f, text("own-%d/sub/file-0", n), text("%d", n));
		assert_true(exists(text("%s/own-%d/sub/file-1", f->out, n)) == (n == LAYERS - 1));
	}
	/* Nothing else: a folder and one below it with its files for each, less what was hidden; two more, and
	 * `shared`. */
	assert_int_equal(count_names(f->out), LAYERS * (2 + FILES) - (LAYERS - 1) + 3);
}

static void nothing_is_left(const struct fixture *f)
{
	assert_false(exists(f->out));
	DIR *dir = opendir(f->root);
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		assert_true(entry->d_name[0] == '.' || strcmp(entry->d_name, "src") == 0);
	closedir(dir);
}

static void a_layer_that_does_not_verify_ends_them_all(void **state)
{
	const struct fixture *f = *state;
	static const int which[] = { 0, 1, 7, LAYERS - 1 };
	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		struct told told = { .done = 0 };
		image_make(f, which[i]);
		check_err(ERR_INTEGRITY, unpack(f, &told));
		assert_non_null(strstr(em.text, text("layer %d (", which[i])));
		assert_true(told.in_order && told.alone);
		assert_in_range(told.done, 0, (unsigned)which[i]);
		nothing_is_left(f);
	}
}

static void who_interrupts_it_finds_nothing(void **state)
{
	const struct fixture *f = *state;
	image_make(f, -1);
	for (int most = 1; most < 400; most += 57) {
		struct told told = { .most = most };
		check_err(ERR_IO, unpack(f, &told));
		nothing_is_left(f);
	}
}

/* --- copied ------------------------------------------------------------------------------------------------------ */

enum how { AS_IT_IS, ENCRYPTED, DECRYPTED };

/* From the image of `from` to another tag of the destination. */
static enum err copy(const char *from, const char *to, enum how how, struct told *told, char digest[IMAGE_DIGEST_SIZE])
{
	const struct image_access access = { .insecure_policy = true };
	struct okw_context *keys = NULL;
	struct okw_error error;
	assert_int_equal(okw_context_new(&keys, &error), OKW_OK);
	const struct image_copy_options options = {
		.keys = keys,
		.encrypt = how == ENCRYPTED,
		.decrypt = how == DECRYPTED,
		.platform = { "linux", "amd64", NULL },
		.source_access = &access,
		.progress = progress,
		.progress_user = told,
		.interrupted = interrupted,
		.interrupted_user = told,
	};
	told->in_order = told->alone = true;
	enum err e = image_copy(from, to, &options, digest, &em);
	okw_context_free(keys);
	return e;
}

/* The same, told of whole, with as many processors as there are and with one. */
static void copies_as_one_would(const char *from, const char *root, enum how how)
{
	char several[IMAGE_DIGEST_SIZE] = "several", one[IMAGE_DIGEST_SIZE] = "one";
	struct told told = { .done = 0 }, told_one = { .done = 0 };
	cpu_set_t before, first;
	check_ok(copy(from, text("oci:%s/%d-several:x", root, how), how, &told, several));
	assert_true(told.alone);
	assert_int_equal(told.done, LAYERS);
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	CPU_ZERO(&first);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&first) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &first);
	assert_int_equal(sched_setaffinity(0, sizeof first, &first), 0);
	enum err e = copy(from, text("oci:%s/%d-one:x", root, how), how, &told_one, one);
	assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
	check_ok(e);
	assert_true(told_one.in_order && told_one.alone);
	assert_int_equal(told_one.done, LAYERS);
	assert_string_equal(several, one);
	assert_int_equal(count_names(text("%s/%d-several", root, how)), count_names(text("%s/%d-one", root, how)));
}

static void several_copy_what_one_would(void **state)
{
	const struct fixture *f = *state;
	image_make(f, -1);
	copies_as_one_would(f->src, f->root, AS_IT_IS);
	copies_as_one_would(f->src, f->root, ENCRYPTED);
	copies_as_one_would(text("oci:%s/%d-several:x", f->root, ENCRYPTED), f->root, DECRYPTED);
}

static void a_layer_that_comes_again_is_copied_once(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 };
	image_of(f, -1, 3);
	check_ok(copy(f->src, f->dst, AS_IT_IS, &told, NULL));
	assert_int_equal(told.done, LAYERS);
	assert_int_equal(told.kept, LAYERS - 3);
}

/* Encrypted one by one, they are the same again once they are decrypted. */
static void layers_that_become_the_same_are_kept_once(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 }, told_back = { .done = 0 }, told_plain = { .done = 0 };
	image_of(f, -1, 1);
	check_ok(copy(f->src, f->dst, ENCRYPTED, &told, NULL));
	check_ok(copy(f->dst, text("oci:%s/back:x", f->root), DECRYPTED, &told_back, NULL));
	check_ok(copy(f->src, text("oci:%s/plain:x", f->root), AS_IT_IS, &told_plain, NULL));
	assert_int_equal(told_back.done, LAYERS);
	assert_int_equal(count_names(text("%s/back", f->root)), count_names(text("%s/plain", f->root)));
}

static void a_blob_that_does_not_verify_ends_the_copy(void **state)
{
	const struct fixture *f = *state;
	static const int which[] = { 0, 1, 7, LAYERS - 1 };
	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		struct told told = { .done = 0 };
		image_make(f, -1);
		layer_make(which[i]);
		const char *layer = put_blob(f->dir, LAYER_TAR, buf_bytes(&tar_made));
		tar_made.data[0] ^= 1;
		put_file(text("%s/blobs/sha256/%.64s", f->dir, strstr(layer, "sha256:") + 7), buf_bytes(&tar_made));
		buf_clear(&tar_made);
		check_err(ERR_INTEGRITY, copy(f->src, f->dst, i % 2 ? ENCRYPTED : AS_IT_IS, &told, NULL));
		assert_non_null(strstr(em.text, text("layer %d (", which[i])));
		assert_true(told.alone && !told.ended[which[i]]);
		nothing_is_left(f);
	}
}

static void keys_that_are_refused_end_the_copy_at_the_first(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 }, told_back = { .done = 0 };
	image_make(f, -1);
	check_ok(copy(f->src, f->dst, ENCRYPTED, &told, NULL));
	okw_double.refuse_key = OKW_ERR_KEY;
	enum err e = copy(f->dst, text("oci:%s/back:x", f->root), DECRYPTED, &told_back, NULL);
	okw_double.refuse_key = OKW_OK;
	assert_int_equal(e, ERR_KEY);
	assert_non_null(strstr(em.text, "layer 0 ("));
	assert_null(strstr(strstr(em.text, "layer 0 (") + 1, "layer "));
	assert_int_equal(told_back.done, 0);
	assert_false(exists(text("%s/back", f->root)));
}

static void who_interrupts_a_copy_finds_nothing(void **state)
{
	const struct fixture *f = *state;
	image_make(f, -1);
	for (int most = 1; most < 24; most += 4) {
		struct told told = { .most = most };
		check_err(ERR_IO, copy(f->src, f->dst, ENCRYPTED, &told, NULL));
		nothing_is_left(f);
	}
}

/* --- pulled ------------------------------------------------------------------------------------------------------ */

static enum err pull(const struct fixture *f, struct told *told)
{
	const struct image_access access = { .insecure_policy = true };
	const struct image_unpack_options options = {
		.access = &access,
		.platform = { "linux", "amd64", NULL },
		.progress = progress,
		.progress_user = told,
		.interrupted = interrupted,
		.interrupted_user = told,
	};
	struct image_unpacked out;
	told->in_order = told->alone = true;
	enum err e = image_pull(f->src, text("%s/store", f->root), &options, &out, &em);
	json_object_put(out.config);
	return e;
}

static void several_layers_are_pulled_once_each(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 }, again = { .done = 0 };
	image_of(f, -1, 5);
	check_ok(pull(f, &told));
	assert_true(told.alone);
	assert_int_equal(told.done, LAYERS);
	assert_int_equal(told.kept, LAYERS - 5);
	check_ok(pull(f, &again));
	assert_int_equal(again.done, LAYERS);
	assert_int_equal(again.kept, LAYERS);
}

/* What held stays, for the next time; of the rest there is nothing. */
static void no_image_is_in_the_store(const struct fixture *f)
{
	assert_int_equal(count_names(text("%s/store/images", f->root)), 0);
	DIR *dir = opendir(text("%s/store", f->root));
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		assert_null(strstr(entry->d_name, ".kbs-image-"));
	closedir(dir);
}

static void a_layer_that_does_not_verify_ends_the_pull(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .done = 0 };
	image_make(f, 7);
	check_err(ERR_INTEGRITY, pull(f, &told));
	assert_non_null(strstr(em.text, "layer 7 ("));
	assert_true(told.alone && !told.ended[7]);
	no_image_is_in_the_store(f);
}

static void who_interrupts_a_pull_finds_no_image(void **state)
{
	const struct fixture *f = *state;
	struct told told = { .most = 4 }, again = { .done = 0 };
	image_make(f, -1);
	check_err(ERR_IO, pull(f, &told));
	no_image_is_in_the_store(f);
	check_ok(pull(f, &again));
	assert_int_equal(again.done, LAYERS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layers_are_moved_over_each_other_in_their_order),
		TEST(a_layer_that_does_not_verify_ends_them_all),
		TEST(who_interrupts_it_finds_nothing),
		TEST(several_copy_what_one_would),
		TEST(a_layer_that_comes_again_is_copied_once),
		TEST(layers_that_become_the_same_are_kept_once),
		TEST(a_blob_that_does_not_verify_ends_the_copy),
		TEST(keys_that_are_refused_end_the_copy_at_the_first),
		TEST(who_interrupts_a_copy_finds_nothing),
		TEST(several_layers_are_pulled_once_each),
		TEST(a_layer_that_does_not_verify_ends_the_pull),
		TEST(who_interrupts_a_pull_finds_no_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
