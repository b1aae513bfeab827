#pragma once
#include "common/bytes.h"
#include "image/image.h"

/* Layouts for tests, written with plain file calls and not with the code under test. */

struct fixture {
	char root[64]; /* a folder of the test's own */
	char dir[96]; /* root/src, a layout */
	char src[112]; /* "oci:root/src:app" */
	char dst[112]; /* "oci:root/dst:app" */
	char out[96]; /* root/dst, not there yet */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* printf into a buffer that the 256th call from here uses again. */
const char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void put_file(const char *path, struct bytes contents);
struct buf get_file(const char *path);
bool exists(const char *path);
/* How many names a folder has, of all levels below too; 0 where it is not there. */
size_t count_names(const char *path);

/* Stores a blob under its digest; its descriptor's text, without annotations. */
const char *put_blob(const char *dir, const char *media_type, struct bytes contents);
/* A layer of `len` bytes that follow from `seed`. */
const char *put_layer(const char *dir, const char *media_type, size_t len, unsigned seed);
/* An OCI image of the layers' descriptors, comma separated; its manifest's descriptor. */
const char *put_image(const char *dir, const char *layers);
/* index.json with these entries, and oci-layout. */
void put_index(const char *dir, const char *entries);
/* `descriptor` with the name "app". */
const char *tagged(const char *descriptor, const char *tag);

/* An image of three layers in f->dir, named app. */
void put_usual(const struct fixture *f);

/* Copies src to dst and expects `want`; the message. */
const char *copy_expect(const char *src, const char *dst, const struct image_copy_options *options, enum err want);

#define LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
