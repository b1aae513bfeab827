#include "image/archive.h"
#include "image/archive_sources.h"
#include "image/configuration.h"
#include "image/docker_archive_list.h"

#include <stdio.h>

/* A file of the archive, as a blob of the manifest that is made for it. */
struct saved_blob {
	char digest[IMAGE_DIGEST_SIZE];
	const char *media_type;
	struct file_part file;
};

struct docker_archive {
	struct image_source base;
	struct archive *archive;
	struct docker_archive_name name;
	struct saved_blob *blobs; /* the configuration, then the layers */
	size_t count;
	struct raw_manifest manifest;
};

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	const struct docker_archive *s = (const struct docker_archive *)base;
	if (which)
		return err_set(em, ERR_NOT_FOUND, "docker-archive:%s has no indexes", s->name.path);
	memcpy(out->media_type, s->manifest.media_type, sizeof out->media_type);
	memcpy(out->digest, s->manifest.digest, sizeof out->digest);
	return buf_append(&out->bytes, buf_bytes(&s->manifest.bytes), 0, em);
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	const struct docker_archive *s = (const struct docker_archive *)base;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->blobs[i].digest, d->digest) == 0)
			return archive_stream(s->archive, &s->blobs[i].file, out, em);
	return err_set(em, ERR_NOT_FOUND, "docker-archive:%s: no blob %s", s->name.path, d->digest);
}

static void source_free(struct image_source *base)
{
	struct docker_archive *s = (struct docker_archive *)base;
	archive_free(s->archive);
	docker_archive_name_clear(&s->name);
	raw_manifest_clear(&s->manifest);
	free(s->blobs);
	free(s);
}

static enum err compression_find(const struct archive *a, const struct file_part *file, const char **out,
				 struct errmsg *em)
{
	AUTO(stream) *from = NULL;
	uint8_t begin[4] = { 0 };
	size_t got = 0;
	enum err e = archive_stream(a, file, &from, em);
	if (e == OK)
		e = stream_read(from, (struct stream_window){ begin, sizeof begin }, &got, em);
	if (got >= 2 && memcmp(begin, "\x1f\x8b", 2) == 0)
		*out = "application/vnd.docker.image.rootfs.diff.tar.gzip";
	else if (got >= 4 && memcmp(begin, "\x28\xb5\x2f\xfd", 4) == 0)
		*out = "application/vnd.docker.image.rootfs.diff.tar.zstd";
	else
		*out = "application/vnd.docker.image.rootfs.diff.tar";
	return e;
}

static enum err file_digest(const struct archive *a, const struct file_part *file, char *out, struct errmsg *em)
{
	AUTO(stream) *measured = NULL;
	AUTO_BUF
	chunk = { 0 };
	struct stream *from = NULL;
	struct stream_tally tally = { 0 };
	const size_t size = (size_t)128 << 10;
	enum err e = buf_reserve(&chunk, size, em);
	if (e == OK)
		e = archive_stream(a, file, &from, em);
	if (e == OK)
		e = stream_measure(from, &tally, &measured, em);
	for (size_t got = 1; e == OK && got > 0;)
		e = stream_read(measured, (struct stream_window){ chunk.data, size }, &got, em);
	snprintf(out, IMAGE_DIGEST_SIZE, "%s", tally.digest);
	return e;
}

/* A plain layer's digest is the diff id, which is compared with what is read later on. */
static enum err layer_add(struct docker_archive *s, const char *name, const char *diff_id, struct errmsg *em)
{
	struct saved_blob *b = &s->blobs[s->count];
	enum err e = archive_find(s->archive, name, ARCHIVE_ONE_LINK, &b->file, em);
	if (e == OK)
		e = compression_find(s->archive, &b->file, &b->media_type, em);
	if (e != OK)
		return e;
	snprintf(b->digest, sizeof b->digest, "%s", diff_id);
	if (strcmp(media_type_oci_layer(b->media_type), "application/vnd.oci.image.layer.v1.tar") != 0)
		e = file_digest(s->archive, &b->file, b->digest, em);
	s->count++;
	return e;
}

static enum err layers_add(struct docker_archive *s, const struct saved_image *image, json_object *config,
			   struct errmsg *em)
{
	size_t count = image->layers ? json_object_array_length(image->layers) : 0;
	const char **diff_ids = calloc(count + 1, sizeof(*diff_ids));
	enum err e = diff_ids ? image_diff_ids(config, count, diff_ids, em) : err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == OK && i < count; i++) {
		e = layer_add(s, json_object_get_string(json_object_array_get_idx(image->layers, i)), diff_ids[i], em);
		if (e != OK)
			err_wrap(em, e, "layer %zu", i);
	}
	free(diff_ids);
	return e;
}

static enum err blobs_find(struct docker_archive *s, const struct saved_image *image, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *config = NULL;
	size_t count = image->layers ? json_object_array_length(image->layers) : 0;
	s->blobs = calloc(count + 1, sizeof(*s->blobs));
	if (!s->blobs)
		return err_set(em, ERR_NOMEM, "no memory");
	struct saved_blob *b = &s->blobs[s->count++];
	b->media_type = MEDIA_DOCKER_CONFIG;
	enum err e = archive_find(s->archive, image->config, ARCHIVE_ONE_LINK, &b->file, em);
	if (e == OK)
		e = archive_read(s->archive, &b->file, CONFIG_SIZE_MAX, &text, em);
	if (e == OK)
		e = digest_of(buf_bytes(&text), b->digest, em);
	if (e == OK)
		e = json_parse(buf_bytes(&text), CONFIG_SIZE_MAX, JSON_STRICT, &config, em);
	return e == OK ? layers_add(s, image, config, em) : err_wrap(em, e, "config");
}

static json_object *blob_json(const struct saved_blob *b)
{
	AUTO_OF(json_object) *obj = json_object_new_object();
	return json_add_text(obj, "mediaType", b->media_type) &&
			       json_add(obj, "size", json_object_new_int64(b->file.size)) &&
			       json_add_text(obj, "digest", b->digest)
		       ? steal(&obj)
		       : NULL;
}

static enum err manifest_make(struct docker_archive *s, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_object();
	json_object *layers = json_object_new_array();
	bool made = json_add(root, "schemaVersion", json_object_new_int(2)) &&
		    json_add_text(root, "mediaType", MEDIA_DOCKER_MANIFEST) &&
		    json_add(root, "config", blob_json(&s->blobs[0]));
	for (size_t i = 1; i < s->count; i++)
		made = made && json_add(layers, NULL, blob_json(&s->blobs[i]));
	if (!json_add(root, "layers", layers) || !made)
		return err_set(em, ERR_NOMEM, "no memory for a manifest");
	AUTO_STR
	char *text = json_text(root);
	enum err e = text ? buf_append(&s->manifest.bytes, bytes_str(text), MANIFEST_SIZE_MAX, em)
			  : err_set(em, ERR_NOMEM, "no memory for a manifest");
	snprintf(s->manifest.media_type, sizeof s->manifest.media_type, MEDIA_DOCKER_MANIFEST);
	return e == OK ? digest_of(buf_bytes(&s->manifest.bytes), s->manifest.digest, em) : e;
}

static enum err archive_understand(struct docker_archive *s, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(json_object) *list = NULL;
	struct file_part file;
	struct saved_image image;
	enum err e = archive_find(s->archive, "manifest.json", ARCHIVE_NO_LINKS, &file, em);
	if (e == OK)
		e = archive_read(s->archive, &file, MANIFEST_SIZE_MAX, &text, em);
	if (e == OK)
		e = docker_archive_choose(buf_bytes(&text), &s->name, &list, &image, em);
	if (e == OK)
		e = blobs_find(s, &image, em);
	return e == OK ? manifest_make(s, em) : e;
}

enum err docker_archive_open_source(const char *rest, const struct image_access *access, struct image_source **out,
				    struct errmsg *em)
{
	static const struct image_source_ops ops = {
		.manifest = source_manifest,
		.blob = source_blob,
		.free = source_free,
	};
	(void)access; /* files need none */
	struct docker_archive *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	s->base.ops = &ops;
	s->base.identity.transport = "docker-archive";
	AUTO(image_source) *base = &s->base;
	/* policy.json(5): there are no scopes but the transport's default. */
	s->base.identity.scope = strdup("");
	enum err e = s->base.identity.scope ? docker_archive_name_parse(rest, &s->name, em)
					    : err_set(em, ERR_NOMEM, "no memory");
	if (e == OK)
		e = archive_open(s->name.path, &s->archive, em);
	if (e != OK)
		return err_wrap(em, e, "docker-archive");
	e = archive_understand(s, em);
	if (e != OK)
		return err_wrap(em, e, "docker-archive:%s", s->name.path);
	*out = steal(&base);
	return OK;
}
