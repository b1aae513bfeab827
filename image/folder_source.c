#include "image/folder_source.h"

#include "common/json.h"
#include "image/beneath.h"
#include "image/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct folder_source {
	struct image_source base;
	int dir;
	char *path;
};

/* The digits of a digest, and no path that was not checked. */
static enum err digits_of(const char *digest, const char **out, struct errmsg *em)
{
	enum err e = digest_check(digest, em);
	if (e == OK)
		*out = strchr(digest, ':') + 1;
	return e;
}

/* Nobody says what the first of them is but itself; without "mediaType" OCI's two differ in what they list. */
static enum err media_type_find(struct raw_manifest *m, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	json_object *images = NULL;
	const char *type = NULL;
	enum err e = json_parse(buf_bytes(&m->bytes), MANIFEST_SIZE_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_string_opt(root, "mediaType", &type, em);
	if (e == OK)
		e = json_get_array_opt(root, "manifests", &images, em);
	if (e != OK)
		return e;
	if (!type)
		type = images ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
	if (!media_type_is_index(type) && !media_type_is_manifest(type))
		return err_set(em, ERR_UNSUPPORTED, "manifests of type %.100s", type);
	snprintf(m->media_type, sizeof m->media_type, "%s", type);
	return digest_of(buf_bytes(&m->bytes), m->digest, em);
}

static enum err chosen_read(const struct folder_source *s, const struct descriptor *d, struct raw_manifest *out,
			    struct errmsg *em)
{
	char name[IMAGE_DIGEST_SIZE + sizeof(".manifest.json")];
	const char *digits = NULL;
	enum err e = digits_of(d->digest, &digits, em);
	if (e != OK)
		return e;
	snprintf(name, sizeof name, "%s.manifest.json", digits);
	e = beneath_read((struct beneath){ s->dir, name }, MANIFEST_SIZE_MAX, &out->bytes, em);
	if (e == OK)
		e = raw_manifest_check(out, d, em);
	return e == OK ? OK : err_wrap(em, e, "manifest %s", d->digest);
}

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	const struct folder_source *s = (const struct folder_source *)base;
	enum err e;
	if (which) {
		e = chosen_read(s, which, out, em);
	} else {
		e = beneath_read((struct beneath){ s->dir, "manifest.json" }, MANIFEST_SIZE_MAX, &out->bytes, em);
		if (e == OK)
			e = media_type_find(out, em);
	}
	return e == OK ? OK : err_wrap(em, e, "dir:%s", s->path);
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	const struct folder_source *s = (const struct folder_source *)base;
	const char *digits = NULL;
	int fd = -1;
	int64_t size = 0;
	enum err e = digits_of(d->digest, &digits, em);
	if (e == OK)
		e = beneath_open_file((struct beneath){ s->dir, digits }, &fd, &size, em);
	if (e != OK)
		return err_wrap(em, e, "dir:%s", s->path);
	/* Sooner than after gigabytes of reading. */
	if (size != d->size) {
		close(fd);
		return err_set(em, ERR_INTEGRITY, "dir:%s: %s has %lld bytes, want %lld", s->path, digits,
			       (long long)size, (long long)d->size);
	}
	return stream_from_fd(fd, out, em);
}

/* Those of the folder's own manifest, or of one of an index's images. */
static enum err prefix_find(const struct folder_source *s, const char *digest, char *out, size_t size,
			    struct errmsg *em)
{
	AUTO_BUF
	own = { 0 };
	const char *digits = NULL;
	enum err e = digits_of(digest, &digits, em);
	if (e == OK)
		e = beneath_read((struct beneath){ s->dir, "manifest.json" }, MANIFEST_SIZE_MAX, &own, em);
	if (e != OK)
		return e;
	bool is_own = digest_verify(buf_bytes(&own), digest, NULL) == OK;
	snprintf(out, size, "%s%ssignature-", is_own ? "" : digits, is_own ? "" : ".");
	return OK;
}

/* signature-1 and so on, to the first that is not there. */
static enum err source_signatures(struct image_source *base, const char *digest, struct image_signatures *out,
				  struct errmsg *em)
{
	const struct folder_source *s = (const struct folder_source *)base;
	char prefix[IMAGE_DIGEST_SIZE + sizeof(".signature-")];
	char name[sizeof(prefix) + 16];
	enum err e = prefix_find(s, digest, prefix, sizeof(prefix), em);
	for (int n = 1; e == OK; n++) {
		AUTO_BUF
		signature = { 0 };
		snprintf(name, sizeof(name), "%s%d", prefix, n);
		e = beneath_read((struct beneath){ s->dir, name }, IMAGE_SIGNATURE_SIZE_MAX, &signature, em);
		if (e == ERR_NOT_FOUND)
			return OK;
		if (e == OK)
			e = image_signatures_add(out, &signature, em);
	}
	return err_wrap(em, e, "dir:%s", s->path);
}

static void source_free(struct image_source *base)
{
	struct folder_source *s = (struct folder_source *)base;
	if (s->dir >= 0)
		close(s->dir);
	free(s->path);
	free(s);
}

enum err folder_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			    struct errmsg *em)
{
	static const struct image_source_ops ops = {
		.manifest = source_manifest,
		.blob = source_blob,
		.signatures = source_signatures,
		.free = source_free,
	};
	(void)access; /* folders need none */
	if (!*rest)
		return err_set(em, ERR_ARG, "dir:PATH wants a folder");
	struct folder_source *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	s->base.ops = &ops;
	s->base.identity.transport = "dir";
	s->dir = open(rest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(image_source) *base = &s->base;
	if (s->dir < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "dir:%s", rest);
	s->path = strdup(rest);
	/* policy.json(5): the folder, from which the scopes above are cut. */
	s->base.identity.scope = realpath(rest, NULL);
	if (!s->path || !s->base.identity.scope)
		return err_errno(em, ERR_IO, "dir:%s", rest);
	*out = steal(&base);
	return OK;
}
