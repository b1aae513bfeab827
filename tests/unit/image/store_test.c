#include "tests/unit/image/layout_fixture.h"
#include "tests/unit/image/policy_fixture.h"

#include "image/store_record.h"
#include "image/store_signatures.h"
#include "image/store_source.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST ("sha256:" HEX)
#define DESCRIPTOR "{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX "\",\"size\":5}"
#define LISTS "\"layers\":[\"sha256:" HEX "\"],\"signatures\":[],\"beside\":[]"
#define IDENTITY "\"name\":\"n\",\"transport\":\"docker\",\"scope\":\"s\""
#define BLOBS "\"manifest\":" DESCRIPTOR ",\"config\":" DESCRIPTOR

/* An image of plain layers, unpacked into itself by nobody: the layers are what the fixture makes of bytes. */
static const char *store_of(const struct fixture *f)
{
	return text("%s/store", f->root);
}

static const struct image_access accepting = { .insecure_policy = true };

static enum err pull(const struct fixture *f, const struct image_access *access, struct errmsg *why)
{
	const struct image_unpack_options how = { .access = access };
	struct image_unpacked out;
	enum err e = image_pull(f->src, store_of(f), &how, &out, why);
	json_object_put(out.config);
	return e;
}

/* A layer whose diff id is that of its bytes, for it is not compressed. */
static void put_honest(const struct fixture *f)
{
	const char *layer = put_layer(f->dir, LAYER_TAR, 5000, 3);
	const char *digest = strstr(layer, "sha256:");
	const char *config = text("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","
				  "\"diff_ids\":[\"%.71s\"]}}",
				  digest);
	const char *stored = put_blob(f->dir, MEDIA_OCI_CONFIG, bytes_str(config));
	const char *manifest = text("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"config\":%s,"
				    "\"layers\":[%s]}",
				    stored, layer);
	put_index(f->dir, tagged(put_blob(f->dir, MEDIA_OCI_MANIFEST, bytes_str(manifest)), "app"));
}

static void a_record_s_grammar(void **state)
{
	static const struct {
		const char *text;
		enum err want;
	} cases[] = {
		{ "{" IDENTITY "," BLOBS "," LISTS "}", OK },
		{ "{" IDENTITY "," BLOBS "," LISTS ",\"pulled\":5,\"physical\":\"h/p\"}", OK },
		{ "{" IDENTITY "," BLOBS "," LISTS ",\"pulled\":-5}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS "," LISTS ",\"more\":1}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS "}", ERR_PARSE },
		{ "{" IDENTITY "," LISTS "}", ERR_PARSE },
		{ "{" BLOBS "," LISTS "}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS ",\"layers\":[1],\"signatures\":[],\"beside\":[]}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS ",\"layers\":[\"sha256:../x\"],\"signatures\":[],\"beside\":[]}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS ",\"layers\":[],\"signatures\":[{}],\"beside\":[]}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS ",\"layers\":[],\"signatures\":[],\"beside\":[{\"tag\":\"t\"}]}", ERR_PARSE },
		{ "{" IDENTITY "," BLOBS ",\"layers\":[],\"signatures\":[],\"beside\":[1]}", ERR_PARSE },
		{ "[]", ERR_PARSE },
		{ "null", ERR_PARSE },
		{ "", ERR_PARSE },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_STORE_RECORD r = { .root = NULL };
		enum err e = store_record_parse(bytes_str(cases[i].text), &r, NULL);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].text, err_name(e));
	}
}

static void a_layer_s_grammar(void **state)
{
	static const struct {
		const char *text;
		enum err want;
	} cases[] = {
		{ "{\"diffId\":\"sha256:" HEX "\",\"blob\":" DESCRIPTOR "}", OK },
		{ "{\"diffId\":\"sha256:" HEX "\"}", ERR_PARSE },
		{ "{\"blob\":" DESCRIPTOR "}", ERR_PARSE },
		{ "{\"diffId\":\"x\",\"blob\":" DESCRIPTOR "}", ERR_PARSE },
		{ "{\"diffId\":\"sha256:" HEX "\",\"blob\":" DESCRIPTOR ",\"x\":1}", ERR_PARSE },
		{ "{\"diffId\":\"sha256:" HEX "\",\"blob\":{\"digest\":\"../../x\"}}", ERR_PARSE },
		{ "7", ERR_PARSE },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct held_layer h;
		enum err e = held_layer_parse(bytes_str(cases[i].text), &h, NULL);
		held_layer_clear(&h);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].text, err_name(e));
	}
}

static void an_image_is_found_by_what_is_short_for_its_name(void **state)
{
	const struct fixture *f = *state;
	AUTO_STORE s = { .dir = -1 };
	char path[STORE_PATH_SIZE];
	static const char *const names[] = { "docker.io/library/busybox:latest", "docker.io/library/busybox", "busybox",
					     "docker://busybox", DIGEST };
	const char *record =
		"{\"name\":\"docker.io/library/busybox:latest\",\"transport\":\"docker\",\"scope\":\"s\"," BLOBS
		"," LISTS "}";
	assert_int_equal(store_open(store_of(f), STORE_FILL, &s, NULL), OK);
	assert_int_equal(store_record_path(names[0], path, NULL), OK);
	put_file(text("%s/%s", store_of(f), path), bytes_str(record));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_STORE_RECORD r = { .root = NULL };
		if (store_record_find(&s, names[i], &r, NULL) != OK)
			fail_msg("%s", names[i]);
		assert_string_equal(r.name, names[0]);
	}
	AUTO_STORE_RECORD none = { .root = NULL };
	assert_int_equal(store_record_find(&s, "busybox:other", &none, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_record_find(&s, "", &none, NULL), ERR_NOT_FOUND);
	/* A second name of the same digest: which of them a policy is to judge is not for us to say. */
	assert_int_equal(store_record_path("other", path, NULL), OK);
	put_file(text("%s/%s", store_of(f), path),
		 bytes_str("{\"name\":\"other\",\"transport\":\"docker\",\"scope\":\"s\"," BLOBS "," LISTS "}"));
	assert_int_equal(store_record_find(&s, names[4], &none, NULL), ERR_ARG);
	assert_null(none.root);
}

static void the_policy_of_now_judges_what_was_pulled(void **state)
{
	const struct fixture *f = *state;
	const char *policy = text("%s/policy.json", f->root);
	struct image_access now = { .policy = policy, .store = store_of(f) };
	const struct image_reading how = { .access = &now };
	const char *name = text("store:%s", f->src);
	json_object *answer = NULL;
	put_honest(f);
	put_file(policy, bytes_str("{\"default\":[{\"type\":\"reject\"}]}"));
	assert_int_equal(pull(f, &now, &em), ERR_DENIED);
	assert_false(exists(store_of(f)));
	put_file(policy, bytes_str("{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}"));
	assert_int_equal(pull(f, &now, &em), OK);
	assert_int_equal(image_verify(name, &how, &answer, &em), OK);
	json_object_put(answer);
	/* By the name that it was pulled by: a folder of the transport oci. */
	put_file(policy, bytes_str(text("{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"oci\":{\"%s\":"
					"[{\"type\":\"insecureAcceptAnything\"}]}}}",
					f->dir)));
	assert_int_equal(image_verify(name, &how, &answer, &em), OK);
	json_object_put(answer);
	put_file(policy, bytes_str("{\"default\":[{\"type\":\"reject\"}]}"));
	assert_int_equal(image_verify(name, &how, &answer, &em), ERR_DENIED);
}

static void what_a_killed_writer_left_goes_and_what_a_living_one_has_stays(void **state)
{
	const struct fixture *f = *state;
	AUTO_STORE s = { .dir = -1 };
	AUTO_STAGED living = { .fd = -1 };
	assert_int_equal(store_open(store_of(f), STORE_FILL, &s, NULL), OK);
	size_t empty = count_names(store_of(f));
	AUTO_FD
	int images = open(text("%s/images", store_of(f)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t child = fork();
	if (child == 0) {
		struct staged one, other;
		_exit(staged_open(s.dir, true, &one, NULL) == OK && staged_open(images, true, &other, NULL) == OK ? 0
														  : 1);
	}
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(staged_open(s.dir, true, &living, NULL), OK);
	assert_int_equal(count_names(store_of(f)), empty + 3);
	AUTO_STORE again = { .dir = -1 };
	assert_int_equal(store_open(store_of(f), STORE_LOOK, &again, NULL), OK);
	assert_int_equal(count_names(store_of(f)), empty + 1);
}

static void a_folder_of_something_else_is_left_as_it_is(void **state)
{
	const struct fixture *f = *state;
	static const char *const files[] = { ".profile", "file" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *folder = text("%s/%zu", f->root, i);
		struct stat st;
		AUTO_STORE s = { .dir = -1 };
		assert_int_equal(mkdir(folder, 0755), 0);
		assert_int_equal(chmod(folder, 0755), 0);
		put_file(text("%s/%s", folder, files[i]), bytes_str("x"));
		assert_int_equal(store_open(folder, STORE_FILL, &s, NULL), ERR_EXISTS);
		assert_int_equal(stat(folder, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0755);
		assert_int_equal(count_names(folder), 1);
	}
}

static void only_what_is_needed_stays(void **state)
{
	const struct fixture *f = *state;
	struct image_store_freed freed;
	put_honest(f);
	assert_int_equal(pull(f, &accepting, NULL), OK);
	size_t names = count_names(store_of(f));
	put_file(text("%s/blobs/sha256/" HEX, store_of(f)), bytes_str("nobody's"));
	put_file(text("%s/layers/sha256/" HEX, store_of(f)), bytes_str("nobody's"));
	assert_int_equal(image_store_gc(store_of(f), &freed, NULL), OK);
	assert_int_equal(freed.files, 2);
	assert_int_equal(freed.bytes, 16);
	assert_int_equal(count_names(store_of(f)), names);
	assert_int_equal(image_store_remove(store_of(f), f->src, NULL), OK);
	assert_int_equal(image_store_gc(store_of(f), &freed, NULL), OK);
	assert_int_equal(freed.files, 4); /* manifest, configuration, layer, and what leads to it */
	assert_int_equal(image_store_remove(store_of(f), f->src, NULL), ERR_NOT_FOUND);
}

/* What refers to an image is found in the store under the tag that stands for the list, and its manifests and blobs. */
static void signatures_beside_an_image_are_kept_with_it(void **state)
{
	const struct fixture *f = *state;
	const struct image_access access = { .registries_d = f->root, .store = store_of(f) };
	struct image_store_freed freed;
	struct store_evidence kept;
	struct judged j;
	char path[STORE_PATH_SIZE];
	struct store s;
	assert_int_equal(store_open(store_of(f), STORE_FILL, &s, NULL), OK);
	judged_open(&j, "docker", "a.b/c:t");
	j.bundle = "{\"a bundle\":true}";
	j.kept.alone = true;
	judged_keep(&j, bytes_str("a signature"));
	const struct evidence ev = { .source = &j.base, .raw = &j.raw, .access = &access };
	assert_int_equal(store_evidence_keep(&s, &ev, &kept, NULL), OK);
	const char *record =
		text("{\"name\":\"a.b/c:t\",\"transport\":\"docker\",\"scope\":\"a.b/c:t\"," BLOBS ",\"layers\":[],"
		     "\"signatures\":%s,\"beside\":%s}",
		     json_object_get_string(kept.signatures), json_object_get_string(kept.beside));
	assert_int_equal(json_object_array_length(kept.signatures), 1);
	assert_int_equal(json_object_array_length(kept.beside), 1);
	assert_int_equal(store_record_path("a.b/c:t", path, NULL), OK);
	put_file(text("%s/%s", store_of(f), path), bytes_str(record));
	store_evidence_clear(&kept);
	store_close(&s);
	size_t names = count_names(store_of(f));
	assert_int_equal(image_store_gc(store_of(f), &freed, NULL), OK);
	assert_int_equal(freed.files, 0);
	assert_int_equal(count_names(store_of(f)), names);

	AUTO(image_source) *source = NULL;
	AUTO(image_source) *beside = NULL;
	AUTO(index) *index = NULL;
	AUTO(manifest) *m = NULL;
	AUTO_RAW_MANIFEST list = { 0 };
	AUTO_RAW_MANIFEST one = { 0 };
	AUTO_BUF
	bundle = { 0 };
	char tag[IMAGE_DIGEST_SIZE];
	snprintf(tag, sizeof tag, "sha256-%s", strchr(j.raw.digest, ':') + 1);
	assert_int_equal(store_open_source("a.b/c:t", &access, &source, NULL), OK);
	assert_int_equal(source->ops->sibling(source, tag, &beside, NULL), OK);
	assert_int_equal(beside->ops->manifest(beside, NULL, &list, NULL), OK);
	assert_int_equal(index_parse(buf_bytes(&list.bytes), list.media_type, &index, NULL), OK);
	assert_int_equal(beside->ops->manifest(beside, &index->manifests[0], &one, NULL), OK);
	assert_int_equal(manifest_parse(buf_bytes(&one.bytes), one.media_type, &m, NULL), OK);
	assert_int_equal(image_source_read(beside, (struct blob_wanted){ &m->layers[0], "it", 100 }, &bundle, NULL),
			 OK);
	assert_string_equal(buf_cstr(&bundle), j.bundle);
	judged_close(&j);
}

static void what_is_in_use_is_not_cleared_up(void **state)
{
	const struct fixture *f = *state;
	AUTO_STORE s = { .dir = -1 };
	AUTO_STORE other = { .dir = -1 };
	assert_int_equal(store_open(store_of(f), STORE_FILL, &s, NULL), OK);
	assert_int_equal(store_open(store_of(f), STORE_LOOK, &other, NULL), OK);
	AUTO_FD
	int dir = open(store_of(f), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(dir, LOCK_EX | LOCK_NB), -1);
	store_close(&other);
	assert_int_equal(flock(dir, LOCK_EX | LOCK_NB), -1);
	store_close(&s);
	assert_int_equal(flock(dir, LOCK_EX | LOCK_NB), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_s_grammar),
		cmocka_unit_test(a_layer_s_grammar),
		TEST(an_image_is_found_by_what_is_short_for_its_name),
		TEST(the_policy_of_now_judges_what_was_pulled),
		TEST(what_a_killed_writer_left_goes_and_what_a_living_one_has_stays),
		TEST(a_folder_of_something_else_is_left_as_it_is),
		TEST(only_what_is_needed_stays),
		TEST(signatures_beside_an_image_are_kept_with_it),
		TEST(what_is_in_use_is_not_cleared_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
