#include "tests/unit/image/layout_fixture.h"

#include "image/digest.h"
#include "image/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

const char *text(const char *fmt, ...)
{
	static char ring[256][16384];
	static unsigned next;
	char *at = ring[next++ % 256];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(at, sizeof(ring[0]), fmt, args);
	va_end(args);
	assert_in_range(len, 0, sizeof(ring[0]) - 1);
	return at;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->root, sizeof(f->root), "/tmp/kbs-image-test.XXXXXX");
	if (!mkdtemp(f->root))
		return -1;
	snprintf(f->dir, sizeof(f->dir), "%s/src", f->root);
	snprintf(f->out, sizeof(f->out), "%s/dst", f->root);
	snprintf(f->src, sizeof(f->src), "oci:%s:app", f->dir);
	snprintf(f->dst, sizeof(f->dst), "oci:%s:app", f->out);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void make_folders(const char *file)
{
	AUTO_STR
	char *path = strdup(file);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*at = '/';
	}
}

void put_file(const char *path, struct bytes contents)
{
	make_folders(path);
	AUTO_FD
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, contents.data, contents.len), contents.len);
}

struct buf get_file(const char *path)
{
	struct buf b = { 0 };
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (ssize_t got = 1; got > 0;) {
		assert_int_equal(buf_reserve(&b, 65536, NULL), OK);
		got = read(fd, b.data + b.len, 65536);
		assert_true(got >= 0);
		b.len += (size_t)got;
	}
	return b;
}

bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static size_t names_seen;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)path;
	(void)st;
	(void)type;
	names_seen += walk->level > 0;
	return 0;
}

size_t count_names(const char *path)
{
	names_seen = 0;
	nftw(path, count_one, 16, FTW_PHYS);
	return names_seen;
}

const char *put_blob(const char *dir, const char *media_type, struct bytes contents)
{
	char digest[IMAGE_DIGEST_SIZE];
	assert_int_equal(digest_of(contents, digest, NULL), OK);
	put_file(text("%s/blobs/sha256/%s", dir, digest + 7), contents);
	return text("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", media_type, digest, contents.len);
}

const char *put_layer(const char *dir, const char *media_type, size_t len, unsigned seed)
{
	uint8_t *data = malloc(len + 1);
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = (uint8_t)(seed >> 16);
	}
	const char *descriptor = put_blob(dir, media_type, (struct bytes){ data, len });
	free(data);
	return descriptor;
}

const char *put_image(const char *dir, const char *layers)
{
	const char *config =
		put_blob(dir, MEDIA_OCI_CONFIG,
			 bytes_str("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\"}}"));
	const char *manifest = text("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}",
				    MEDIA_OCI_MANIFEST, config, layers);
	return put_blob(dir, MEDIA_OCI_MANIFEST, bytes_str(manifest));
}

void put_index(const char *dir, const char *entries)
{
	put_file(text("%s/oci-layout", dir), bytes_str("{\"imageLayoutVersion\": \"1.0.0\"}"));
	put_file(text("%s/index.json", dir), bytes_str(text("{\"schemaVersion\":2,\"manifests\":[%s]}", entries)));
}

const char *tagged(const char *descriptor, const char *tag)
{
	return text("%.*s,\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}}", (int)strlen(descriptor) - 1,
		    descriptor, tag);
}

void put_usual(const struct fixture *f)
{
	const char *layers = text("%s,%s,%s", put_layer(f->dir, LAYER_GZIP, 300001, 1),
				  put_layer(f->dir, LAYER_TAR, 20480, 2), put_layer(f->dir, LAYER_TAR, 0, 3));
	put_index(f->dir, tagged(put_image(f->dir, layers), "app"));
}

const char *copy_expect(const char *src, const char *dst, const struct image_copy_options *options, enum err want)
{
	static const struct image_copy_options plain;
	static struct errmsg em;
	em.text[0] = 0;
	enum err e = image_copy(src, dst, options ? options : &plain, NULL, &em);
	if (e != want)
		print_error("copy gave %s: %s\n", err_name(e), em.text);
	assert_int_equal(e, want);
	return em.text;
}
