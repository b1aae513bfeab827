#include "tests/support/fuzz.h"

#include "image/archive_sources.h"
#include "image/docker_archive_list.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void blob_read(struct image_source *source, const struct descriptor *d)
{
	AUTO(stream) *blob = NULL;
	uint8_t chunk[4096];
	int64_t size = 0;
	if (image_source_blob(source, d, "blob", &blob, NULL) != OK)
		return;
	for (size_t got = 1; got > 0; size += (int64_t)got)
		if (stream_read(blob, (struct stream_window){ chunk, sizeof chunk }, &got, NULL) != OK)
			return;
	if (size != d->size)
		abort();
}

/* What opens has a manifest that makes sense, and each blob that can be read is what the manifest says. */
static void source_read(struct image_source *source)
{
	static const struct image_platform here = { "linux", "amd64", NULL };
	AUTO_RAW_MANIFEST raw = { 0 };
	AUTO(manifest) *m = NULL;
	if (image_source_manifest(source, &here, &raw, NULL) != OK ||
	    manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &m, NULL) != OK)
		return;
	blob_read(source, &m->config);
	for (size_t i = 0; i < m->layer_count; i++)
		blob_read(source, &m->layers[i]);
}

static void archive_try(const uint8_t *data, size_t len)
{
	AUTO(image_source) *docker = NULL;
	AUTO(image_source) *oci = NULL;
	char path[40];
	int fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (docker_archive_open_source(path, NULL, &docker, NULL) == OK)
		source_read(docker);
	if (oci_archive_open_source(path, NULL, &oci, NULL) == OK)
		source_read(oci);
	close(fd);
}

static void list_try(struct bytes text, const char *name)
{
	struct docker_archive_name wanted;
	AUTO_OF(json_object) *list = NULL;
	struct saved_image image;
	if (docker_archive_name_parse(name, &wanted, NULL) != OK)
		abort();
	if (docker_archive_choose(text, &wanted, &list, &image, NULL) == OK && !image.config)
		abort();
	docker_archive_name_clear(&wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	list_try((struct bytes){ data, len }, "p");
	list_try((struct bytes){ data, len }, "p:app:1");
	archive_try(data, len);
	return 0;
}
