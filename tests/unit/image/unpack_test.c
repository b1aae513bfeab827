/* Images of many layers, unpacked at once. */
#include "image/image.h"
#include "tests/unit/image/layout_fixture.h"
#include "tests/unit/image/tar_fixture.h"

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

/* `lies`: the layer whose diff id is another's; -1: none does. */
static void image_make(const struct fixture *f, int lies)
{
	const char *layers = "", *ids = "";
	for (int n = 0; n < LAYERS; n++) {
		layer_make(n);
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

struct told {
	atomic_int inside; /* the callback is being called */
	unsigned done;
	bool in_order;
	atomic_int asked;
	int most; /* times that it may be asked before it says stop */
};

static void progress(void *user, const struct image_progress *p)
{
	struct told *t = user;
	t->in_order = t->in_order && atomic_fetch_add(&t->inside, 1) == 0 && p->layers == LAYERS;
	if (p->finished)
		t->in_order = t->in_order && p->layer == t->done++ && p->done == p->total;
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
	told->in_order = true;
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
	assert_true(told.in_order);
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
		assert_true(told.in_order);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(layers_are_moved_over_each_other_in_their_order, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_layer_that_does_not_verify_ends_them_all, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(who_interrupts_it_finds_nothing, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
