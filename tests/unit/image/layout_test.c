#include "tests/unit/image/layout_fixture.h"

#include "image/index.h"
#include "image/layout_write.h"
#include "image/lock.h"
#include "image/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char *manifest_digest(const char *name)
{
	char digest[IMAGE_DIGEST_SIZE];
	AUTO_BUF
	raw = { 0 };
	const struct image_reading here = { .access = NULL };
	assert_int_equal(image_manifest(name, &here, &raw, NULL), OK);
	assert_int_equal(digest_of(buf_bytes(&raw), digest, NULL), OK);
	return text("%s", digest);
}

static void copies_an_image_byte_for_byte(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	char digest[IMAGE_DIGEST_SIZE];
	const struct image_copy_options plain = { 0 };
	assert_int_equal(image_copy(f->src, f->dst, &plain, digest, NULL), OK);
	assert_string_equal(digest, manifest_digest(f->src));
	assert_string_equal(digest, manifest_digest(f->dst));
	/* blobs, sha256, three layers, config, manifest, index.json, oci-layout: and nothing temporary */
	assert_int_equal(count_names(f->out), 9);
	/* A copy of the copy proves that each blob is what its name says. */
	copy_expect(f->dst, text("oci:%s/again:app", f->root), NULL, OK);
}

static void makes_the_folders_above_the_layout(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	copy_expect(f->src, text("oci:%s/a/b/c:app", f->root), NULL, OK);
	assert_true(exists(text("%s/a/b/c/index.json", f->root)));
}

static void moves_a_tag_and_keeps_the_other_entries(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const char *other = put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 9));
	copy_expect(f->src, f->dst, NULL, OK);
	copy_expect(f->src, text("oci:%s:second", f->out), NULL, OK);
	put_index(f->dir, tagged(other, "app"));
	copy_expect(f->src, f->dst, NULL, OK);
	assert_string_equal(manifest_digest(f->dst), manifest_digest(f->src));
	assert_string_not_equal(manifest_digest(text("oci:%s:second", f->out)), manifest_digest(f->src));
	AUTO(index) *index = NULL;
	AUTO_FD
	int dir = open(f->out, O_RDONLY | O_DIRECTORY);
	assert_int_equal(layout_read_index(dir, &index, NULL), OK);
	assert_int_equal(index->count, 2);
}

static void needs_a_tag_only_where_there_are_several_images(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	copy_expect(text("oci:%s", f->dir), text("oci:%s", f->out), NULL, OK);
	assert_string_equal(manifest_digest(text("oci:%s", f->out)), manifest_digest(f->src));
	copy_expect(text("oci:%s", f->dir), text("oci:%s", f->out), NULL, OK); /* once more adds nothing */
	assert_string_equal(manifest_digest(text("oci:%s:@0", f->out)), manifest_digest(f->src));

	const char *one = tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 9)), "one");
	const char *two = tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 8)), "two");
	put_index(f->dir, text("%s,%s", one, two));
	copy_expect(text("oci:%s", f->dir), f->dst, NULL, ERR_ARG);
	copy_expect(text("oci:%s:three", f->dir), f->dst, NULL, ERR_NOT_FOUND);
	copy_expect(text("oci:%s:@2", f->dir), f->dst, NULL, ERR_NOT_FOUND);
	copy_expect(text("oci:%s:@1", f->dir), f->dst, NULL, OK);
	assert_string_equal(manifest_digest(f->dst), manifest_digest(text("oci:%s:two", f->dir)));
	put_usual(f);
	copy_expect(f->src, text("oci:%s:@1", f->out), NULL, ERR_ARG);
}

static void refuses_a_name_that_means_two_images(void **state)
{
	const struct fixture *f = *state;
	const char *one = tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 9)), "app");
	const char *two = tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 8)), "app");
	put_index(f->dir, text("%s,%s", one, two));
	copy_expect(f->src, f->dst, NULL, ERR_PARSE);
	put_index(f->dir, text("%s,%s", one, one));
	copy_expect(f->src, f->dst, NULL, OK);
}

static const char *for_platform(const char *descriptor, const char *platform)
{
	return text("%.*s,\"platform\":%s}", (int)strlen(descriptor) - 1, descriptor, platform);
}

static void chooses_the_platform_that_is_asked_for(void **state)
{
	const struct fixture *f = *state;
	const char *images[3];
	for (unsigned i = 0; i < 3; i++)
		images[i] = put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100 + i, i));
	const char *nested =
		text("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[%s,%s,%s]}", MEDIA_OCI_INDEX,
		     for_platform(images[0], "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}"),
		     for_platform(images[1], "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}"),
		     for_platform(images[2], "{\"os\":\"windows\",\"architecture\":\"amd64\"}"));
	put_index(f->dir, tagged(put_blob(f->dir, MEDIA_OCI_INDEX, bytes_str(nested)), "app"));
	struct image_copy_options options = { .platform = { .os = "linux", .architecture = "arm", .variant = "v7" } };
	copy_expect(f->src, f->dst, &options, OK);
	assert_non_null(strstr(images[1], manifest_digest(f->dst)));
	options.platform.variant = "v8"; /* runs what was made for its elders */
	copy_expect(f->src, f->dst, &options, OK);
	assert_non_null(strstr(images[1], manifest_digest(f->dst)));
	options.platform.variant = "v5";
	copy_expect(f->src, f->dst, &options, ERR_NOT_FOUND);
	options.platform = (struct image_platform){ .os = "windows", .architecture = "amd64" };
	copy_expect(f->src, f->dst, &options, OK);
	assert_non_null(strstr(images[2], manifest_digest(f->dst)));
	options.platform = (struct image_platform){ .os = "plan9" };
	assert_non_null(strstr(copy_expect(f->src, f->dst, &options, ERR_NOT_FOUND), "plan9/"));
}

static void refuses_an_index_that_contains_itself_too_deeply(void **state)
{
	const struct fixture *f = *state;
	const char *inner = put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 1));
	for (int i = 0; i < 6; i++) {
		const char *platform = "{\"os\":\"linux\",\"architecture\":\"amd64\"}";
		const char *index = text("{\"schemaVersion\":2,\"manifests\":[%s]}", for_platform(inner, platform));
		inner = put_blob(f->dir, MEDIA_OCI_INDEX, bytes_str(index));
	}
	put_index(f->dir, tagged(inner, "app"));
	const struct image_copy_options options = { .platform = { .os = "linux", .architecture = "amd64" } };
	copy_expect(f->src, f->dst, &options, ERR_LIMIT);
}

static void nothing_was_written(const struct fixture *f)
{
	if (exists(f->out))
		print_error("%s was left behind, with %zu names\n", f->out, count_names(f->out));
	assert_false(exists(f->out));
}

/* The usual image, its layer 0 changed by `spoil`. */
static void expect_layer_refused(const struct fixture *f, void (*spoil)(const char *blob), enum err want)
{
	const char *layer = put_layer(f->dir, LAYER_GZIP, 300001, 1);
	put_index(f->dir, tagged(put_image(f->dir, text("%s,%s", put_layer(f->dir, LAYER_TAR, 512, 7), layer)), "app"));
	const char *hex = strstr(layer, "sha256:") + 7;
	spoil(text("%s/blobs/sha256/%.64s", f->dir, hex));
	const char *message = copy_expect(f->src, f->dst, NULL, want);
	assert_non_null(strstr(message, "layer 1"));
	assert_non_null(strstr(message, text("%.64s", hex)));
	nothing_was_written(f);
}

static void flip_a_bit(const char *blob)
{
	AUTO_FD
	int fd = open(blob, O_RDWR);
	uint8_t byte = 0;
	assert_int_equal(pread(fd, &byte, 1, 200000), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 200000), 1);
}

static void cut(const char *blob)
{
	assert_int_equal(truncate(blob, 300000), 0);
}

static void lengthen(const char *blob)
{
	assert_int_equal(truncate(blob, 300002), 0);
}

static void make_missing(const char *blob)
{
	assert_int_equal(unlink(blob), 0);
}

static void make_link(const char *blob)
{
	AUTO_STR
	char *elsewhere = NULL;
	assert_true(asprintf(&elsewhere, "%s.elsewhere", blob) > 0);
	assert_int_equal(rename(blob, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, blob), 0);
}

static void make_fifo(const char *blob)
{
	assert_int_equal(unlink(blob), 0);
	assert_int_equal(mkfifo(blob, 0644), 0);
}

static void refuses_layers_that_are_not_what_they_are_called(void **state)
{
	const struct fixture *f = *state;
	expect_layer_refused(f, flip_a_bit, ERR_INTEGRITY);
	expect_layer_refused(f, cut, ERR_INTEGRITY);
	expect_layer_refused(f, lengthen, ERR_INTEGRITY);
	expect_layer_refused(f, make_missing, ERR_NOT_FOUND);
	expect_layer_refused(f, make_link, ERR_IO);
	expect_layer_refused(f, make_fifo, ERR_IO);
}

static void refuses_a_wrong_manifest(void **state)
{
	const struct fixture *f = *state;
	const char *manifest = put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 9));
	put_index(f->dir, tagged(manifest, "app"));
	const char *blob = text("%s/blobs/sha256/%.64s", f->dir, strstr(manifest, "sha256:") + 7);
	AUTO_BUF
	contents = get_file(blob);
	contents.data[contents.len - 1] = ' ';
	put_file(blob, buf_bytes(&contents));
	copy_expect(f->src, f->dst, NULL, ERR_INTEGRITY);
	contents.len--;
	put_file(blob, buf_bytes(&contents));
	copy_expect(f->src, f->dst, NULL, ERR_INTEGRITY);
	nothing_was_written(f);
}

static void refuses_digests_that_lead_elsewhere(void **state)
{
	const struct fixture *f = *state;
	static const char *const bad[] = { "sha256:../../../../../../../../etc/passwd", "sha256:abc", "../index.json",
					   "sha256/../x:00", "" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *d = text("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":5}", LAYER_TAR, bad[i]);
		put_index(f->dir, tagged(put_image(f->dir, d), "app"));
		copy_expect(f->src, f->dst, NULL, ERR_PARSE);
		d = text("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":5}", MEDIA_OCI_MANIFEST, bad[i]);
		put_index(f->dir, tagged(d, "app"));
		copy_expect(f->src, f->dst, NULL, ERR_PARSE);
	}
	nothing_was_written(f);
}

static void refuses_a_blobs_folder_that_is_a_link(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	const char *blobs = text("%s/blobs", f->dir);
	const char *elsewhere = text("%s/elsewhere", f->root);
	assert_int_equal(rename(blobs, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, blobs), 0);
	copy_expect(f->src, f->dst, NULL, ERR_IO);
	nothing_was_written(f);

	assert_int_equal(unlink(blobs), 0);
	assert_int_equal(rename(elsewhere, blobs), 0);
	assert_int_equal(mkdir(f->out, 0755), 0);
	assert_int_equal(mkdir(elsewhere, 0755), 0);
	assert_int_equal(symlink(elsewhere, text("%s/blobs", f->out)), 0);
	copy_expect(f->src, f->dst, NULL, ERR_IO);
	assert_int_equal(count_names(elsewhere), 0);
	assert_int_equal(count_names(f->out), 1);
}

static void refuses_a_folder_that_is_no_layout(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	copy_expect(text("oci:%s/nowhere:app", f->root), f->dst, NULL, ERR_NOT_FOUND);
	put_file(text("%s/oci-layout", f->dir), bytes_str("{\"imageLayoutVersion\":\"2.0.0\"}"));
	copy_expect(f->src, f->dst, NULL, ERR_UNSUPPORTED);
	put_file(text("%s/oci-layout", f->dir), bytes_str("{}"));
	copy_expect(f->src, f->dst, NULL, ERR_PARSE);
	assert_int_equal(unlink(text("%s/oci-layout", f->dir)), 0);
	copy_expect(f->src, f->dst, NULL, ERR_NOT_FOUND);

	put_usual(f);
	put_file(text("%s/letter.txt", f->out), bytes_str("dear"));
	copy_expect(f->src, f->dst, NULL, ERR_EXISTS);
	assert_int_equal(count_names(f->out), 1);
}

static void refuses_what_is_too_much(void **state)
{
	const struct fixture *f = *state;
	const char *layer = put_layer(f->dir, LAYER_TAR, 10, 1);
	AUTO_BUF
	many = { 0 };
	for (int i = 0; i <= MANIFEST_LAYERS_MAX; i++) {
		assert_int_equal(buf_append(&many, bytes_str(i ? "," : ""), 0, NULL), OK);
		assert_int_equal(buf_append(&many, bytes_str(layer), 0, NULL), OK);
	}
	AUTO_STR
	char *manifest = NULL;
	assert_true(asprintf(&manifest, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", layer, buf_cstr(&many)) >
		    0);
	put_index(f->dir, tagged(put_blob(f->dir, MEDIA_OCI_MANIFEST, bytes_str(manifest)), "app"));
	copy_expect(f->src, f->dst, NULL, ERR_LIMIT);

	const char *huge =
		text("{\"mediaType\":\"%s\",\"digest\":\"sha256:%064d\",\"size\":9007199254740993}", LAYER_TAR, 0);
	put_index(f->dir, tagged(put_image(f->dir, huge), "app"));
	copy_expect(f->src, f->dst, NULL, ERR_PARSE);
	AUTO_FD
	int fd = open(text("%s/index.json", f->dir), O_RDWR);
	assert_int_equal(ftruncate(fd, INDEX_SIZE_MAX + 1), 0);
	copy_expect(f->src, f->dst, NULL, ERR_LIMIT);
	nothing_was_written(f);
}

static bool after_some(void *user)
{
	atomic_int *left = user;
	return atomic_fetch_sub(left, 1) <= 0;
}

static void leaves_nothing_when_interrupted_at_any_point(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	int reads = 0;
	for (;; reads++) {
		atomic_int left = reads;
		const struct image_copy_options options = { .interrupted = after_some, .interrupted_user = &left };
		struct errmsg em;
		enum err e = image_copy(f->src, f->dst, &options, NULL, &em);
		if (e == OK)
			break;
		assert_int_equal(e, ERR_IO);
		nothing_was_written(f);
	}
	assert_in_range(reads, 6, 100);
}

static void leaves_an_older_image_alone_when_it_fails(void **state)
{
	const struct fixture *f = *state;
	const char *good = tagged(put_image(f->dir, put_layer(f->dir, LAYER_TAR, 100, 9)), "app");
	put_index(f->dir, good);
	copy_expect(f->src, f->dst, NULL, OK);
	AUTO_STR
	char *before = strdup(manifest_digest(f->dst));
	size_t names = count_names(f->out);
	const char *layers =
		text("%s,%s", put_layer(f->dir, LAYER_TAR, 5000, 3), put_layer(f->dir, LAYER_TAR, 5000, 4));
	put_index(f->dir, tagged(put_image(f->dir, layers), "app"));
	cut(text("%s/blobs/sha256/%.64s", f->dir, strstr(strchr(layers, '}'), "sha256:") + 7));
	copy_expect(f->src, f->dst, NULL, ERR_INTEGRITY);
	assert_string_equal(manifest_digest(f->dst), before);
	assert_int_equal(count_names(f->out), names);
}

static void leaves_nothing_when_the_disk_is_full(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	static const rlim_t limits[] = { 0, 10, 500, 30000, 300000 };
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rlimit small = { .rlim_cur = limits[i], .rlim_max = before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		struct errmsg em;
		const struct image_copy_options plain = { 0 };
		enum err e = image_copy(f->src, f->dst, &plain, NULL, &em);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(e, ERR_IO);
		nothing_was_written(f);
	}
	signal(SIGXFSZ, SIG_DFL);
}

static void takes_back_what_it_published_when_the_index_cannot_be_read(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	put_file(text("%s/oci-layout", f->out), bytes_str("{\"imageLayoutVersion\":\"1.0.0\"}"));
	put_file(text("%s/index.json", f->out), bytes_str("{\"schemaVersion\":2,\"manifests\":[7]}"));
	copy_expect(f->src, f->dst, NULL, ERR_PARSE);
	assert_int_equal(count_names(f->out), 2);
}

static void keeps_good_blobs_and_replaces_bad_ones(void **state)
{
	const struct fixture *f = *state;
	const char *one = put_layer(f->dir, LAYER_TAR, 300001, 1);
	const char *two = put_layer(f->dir, LAYER_TAR, 300001, 2);
	put_index(f->dir, tagged(put_image(f->dir, text("%s,%s", one, two)), "app"));
	copy_expect(f->src, f->dst, NULL, OK);
	const char *kept = text("%s/blobs/sha256/%.64s", f->out, strstr(one, "sha256:") + 7);
	const char *spoilt = text("%s/blobs/sha256/%.64s", f->out, strstr(two, "sha256:") + 7);
	struct stat before, after;
	assert_int_equal(stat(kept, &before), 0);
	flip_a_bit(spoilt);
	copy_expect(f->src, f->dst, NULL, OK);
	assert_int_equal(stat(kept, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	copy_expect(f->dst, text("oci:%s/again:app", f->root), NULL, OK);
	cut(spoilt);
	copy_expect(f->src, f->dst, NULL, OK);
	copy_expect(f->dst, text("oci:%s/once-more:app", f->root), NULL, OK);
}

/* A child copies to the tag; true if it did. */
static pid_t copy_in_child(const struct fixture *f, int n)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char dst[160];
	snprintf(dst, sizeof(dst), "oci:%s:tag%d", f->out, n);
	const struct image_copy_options plain = { 0 };
	struct errmsg em = { "" };
	enum err e = image_copy(f->src, dst, &plain, NULL, &em);
	if (e != OK)
		fprintf(stderr, "%s\n", em.text);
	_exit(e);
}

static void writers_at_the_same_time_lose_nothing(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	enum { WRITERS = 8 };
	pid_t pids[WRITERS];
	for (int i = 0; i < WRITERS; i++)
		pids[i] = copy_in_child(f, i);
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_string_equal(manifest_digest(text("oci:%s:tag%d", f->out, i)), manifest_digest(f->src));
	assert_int_equal(count_names(f->out), 9);
}

static void waits_for_another_writer_until_the_deadline(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	AUTO_FD
	int theirs = open(f->dir, O_RDONLY | O_DIRECTORY);
	AUTO_FD
	int ours = open(f->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(theirs, LOCK_EX), 0);
	assert_int_equal(lock_take(ours, LOCK_ALONE, (struct lock_wait){ .deadline = deadline_in_ms(50) }, "it", NULL),
			 ERR_BUSY);
	assert_int_equal(flock(theirs, LOCK_UN), 0);
	assert_int_equal(lock_take(ours, LOCK_ALONE, (struct lock_wait){ .deadline = deadline_in_ms(0) }, "it", NULL),
			 OK);
}

static void writes_where_files_must_have_names(void **state)
{
	const struct fixture *f = *state;
	AUTO_FD
	int dir = open(f->root, O_RDONLY | O_DIRECTORY);
	AUTO_STAGED s = { .fd = -1 };
	assert_int_equal(staged_open(dir, true, &s, NULL), OK);
	assert_int_equal(count_names(f->root), 1);
	assert_int_equal(staged_write(&s, bytes_str("one"), NULL), OK);
	staged_discard(&s);
	assert_int_equal(count_names(f->root), 0);

	for (int replace = 0; replace < 2; replace++) {
		assert_int_equal(staged_open(dir, true, &s, NULL), OK);
		assert_int_equal(staged_write(&s, bytes_str(replace ? "two" : "one"), NULL), OK);
		assert_int_equal(staged_sync(&s, NULL), OK);
		if (replace)
			assert_int_equal(staged_publish(&s, (struct beneath){ dir, "x" }, false, NULL), ERR_EXISTS);
		assert_int_equal(staged_publish(&s, (struct beneath){ dir, "x" }, replace, NULL), OK);
		staged_discard(&s);
		assert_int_equal(count_names(f->root), 1);
	}
	AUTO_BUF
	contents = get_file(text("%s/x", f->root));
	assert_memory_equal(contents.data, "two", 3);
}

static void no_path_leads_out_of_the_folder(void **state)
{
	const struct fixture *f = *state;
	put_file(text("%s/in/file", f->root), bytes_str("in"));
	put_file(text("%s/out", f->root), bytes_str("out"));
	assert_int_equal(symlink("../out", text("%s/in/link", f->root)), 0);
	assert_int_equal(symlink(".", text("%s/in/here", f->root)), 0);
	AUTO_FD
	int dir = open(text("%s/in", f->root), O_RDONLY | O_DIRECTORY);
	static const char *const bad[] = { "../out", "link", "here/file", "/etc/passwd", "here/../../out" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_FD
		int fd = -1;
		assert_int_not_equal(beneath_open((struct beneath){ dir, bad[i] }, O_RDONLY, 0, &fd, NULL), OK);
	}
	AUTO_FD
	int fd = -1;
	assert_int_equal(beneath_open((struct beneath){ dir, "file" }, O_RDONLY, 0, &fd, NULL), OK);
}

/* Some sandboxes answer openat2() with ENOSYS. */
static bool forbid_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_LEN(code), code };
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { DID = 0, NO_FILTER = 77 };

static int copies_and_refuses_without_openat2(const struct fixture *f)
{
	const struct image_copy_options plain = { 0 };
	char dst[160];
	if (!forbid_openat2())
		return NO_FILTER;
	if (image_copy(f->src, f->dst, &plain, NULL, NULL) != OK)
		return 1;
	snprintf(dst, sizeof(dst), "oci:%s/again:app", f->root);
	if (image_copy(f->dst, dst, &plain, NULL, NULL) != OK)
		return 2;
	snprintf(dst, sizeof(dst), "oci:%s/via:app", f->root);
	return image_copy(dst, f->dst, &plain, NULL, NULL) == ERR_IO ? DID : 3;
}

static void works_and_refuses_links_without_openat2(void **state)
{
	const struct fixture *f = *state;
	put_usual(f);
	put_file(text("%s/via/oci-layout", f->root), bytes_str("{\"imageLayoutVersion\":\"1.0.0\"}"));
	AUTO_BUF
	index = get_file(text("%s/index.json", f->dir));
	put_file(text("%s/via/index.json", f->root), buf_bytes(&index));
	assert_int_equal(symlink("../src/blobs", text("%s/via/blobs", f->root)), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(copies_and_refuses_without_openat2(f));
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTER) {
		print_message("no seccomp filters here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), DID);
}

/* As on file systems that have no nameless files. */
static void removes_what_a_killed_writer_left_and_not_a_living_one_s(void **state)
{
	const struct fixture *f = *state;
	AUTO_STAGED living = { .fd = -1 };
	put_usual(f);
	copy_expect(f->src, f->dst, NULL, OK);
	AUTO_FD
	int dir = open(f->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t child = fork();
	if (child == 0) {
		struct staged dead;
		_exit(staged_open(dir, true, &dead, NULL) == OK && staged_write(&dead, BYTES("x"), NULL) == OK ? 0 : 1);
	}
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_names(f->out), 10);
	assert_int_equal(staged_open(dir, true, &living, NULL), OK);
	copy_expect(f->src, f->dst, NULL, OK);
	assert_int_equal(count_names(f->out), 10);
	staged_discard(&living);
	assert_int_equal(count_names(f->out), 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(copies_an_image_byte_for_byte),
		TEST(removes_what_a_killed_writer_left_and_not_a_living_one_s),
		TEST(makes_the_folders_above_the_layout),
		TEST(moves_a_tag_and_keeps_the_other_entries),
		TEST(needs_a_tag_only_where_there_are_several_images),
		TEST(refuses_a_name_that_means_two_images),
		TEST(chooses_the_platform_that_is_asked_for),
		TEST(refuses_an_index_that_contains_itself_too_deeply),
		TEST(refuses_layers_that_are_not_what_they_are_called),
		TEST(refuses_a_wrong_manifest),
		TEST(refuses_digests_that_lead_elsewhere),
		TEST(refuses_a_blobs_folder_that_is_a_link),
		TEST(refuses_a_folder_that_is_no_layout),
		TEST(refuses_what_is_too_much),
		TEST(leaves_nothing_when_interrupted_at_any_point),
		TEST(leaves_an_older_image_alone_when_it_fails),
		TEST(leaves_nothing_when_the_disk_is_full),
		TEST(takes_back_what_it_published_when_the_index_cannot_be_read),
		TEST(keeps_good_blobs_and_replaces_bad_ones),
		TEST(writers_at_the_same_time_lose_nothing),
		TEST(waits_for_another_writer_until_the_deadline),
		TEST(writes_where_files_must_have_names),
		TEST(no_path_leads_out_of_the_folder),
		TEST(works_and_refuses_links_without_openat2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
