#include "image/archive.h"
#include "image/archive_sources.h"
#include "image/layout.h"

#include <stdio.h>

struct oci_archive {
	struct image_source base;
	struct archive *archive;
	struct layout_name name;
};

static enum err text_read(const struct oci_archive *s, const char *name, size_t max, struct buf *out, struct errmsg *em)
{
	struct file_part file;
	enum err e = archive_find(s->archive, name, ARCHIVE_NO_LINKS, &file, em);
	if (e != OK)
		return e;
	e = archive_read(s->archive, &file, max, out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", name);
}

static enum err blob_find(const struct oci_archive *s, const struct descriptor *d, struct file_part *out,
			  struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	enum err e = digest_path(d->digest, path, em);
	if (e == OK)
		e = archive_find(s->archive, path, ARCHIVE_NO_LINKS, out, em);
	if (e == OK && out->size != d->size)
		return err_set(em, ERR_INTEGRITY, "%s has %lld bytes, want %lld", path, (long long)out->size,
			       (long long)d->size);
	return e;
}

static enum err manifest_read(const struct oci_archive *s, const struct descriptor *d, struct raw_manifest *out,
			      struct errmsg *em)
{
	struct file_part file;
	enum err e = blob_find(s, d, &file, em);
	if (e == OK)
		e = archive_read(s->archive, &file, MANIFEST_SIZE_MAX, &out->bytes, em);
	if (e == OK)
		e = raw_manifest_check(out, d, em);
	return e == OK ? OK : err_wrap(em, e, "manifest %s", d->digest);
}

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	const struct oci_archive *s = (const struct oci_archive *)base;
	AUTO(index) *index = NULL;
	AUTO_BUF
	text = { 0 };
	enum err e = OK;
	if (!which) {
		e = text_read(s, "index.json", INDEX_SIZE_MAX, &text, em);
		if (e == OK)
			e = index_parse(buf_bytes(&text), MEDIA_OCI_INDEX, &index, em);
		if (e == OK)
			e = layout_find(&s->name, index, &which, em);
	}
	if (e == OK)
		e = manifest_read(s, which, out, em);
	return e == OK ? OK : err_wrap(em, e, "oci-archive:%s", s->name.dir);
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	const struct oci_archive *s = (const struct oci_archive *)base;
	struct file_part file;
	enum err e = blob_find(s, d, &file, em);
	if (e == OK)
		e = archive_stream(s->archive, &file, out, em);
	return e == OK ? OK : err_wrap(em, e, "oci-archive:%s", s->name.dir);
}

static void source_free(struct image_source *base)
{
	struct oci_archive *s = (struct oci_archive *)base;
	archive_free(s->archive);
	layout_name_clear(&s->name);
	free(s);
}

/* Another name of the same archive. */
static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out, struct errmsg *em)
{
	const struct oci_archive *s = (const struct oci_archive *)base;
	AUTO_STR
	char *rest = NULL;
	if (asprintf(&rest, "%s:%s", s->name.dir, tag) < 0) {
		rest = NULL;
		return err_set(em, ERR_NOMEM, "no memory for a name");
	}
	return oci_archive_open_source(rest, NULL, out, em);
}

enum err oci_archive_open_source(const char *rest, const struct image_access *access, struct image_source **out,
				 struct errmsg *em)
{
	static const struct image_source_ops ops = {
		.manifest = source_manifest,
		.blob = source_blob,
		.free = source_free,
		.sibling = source_sibling,
	};
	AUTO_BUF
	mark = { 0 };
	(void)access; /* files need none */
	struct oci_archive *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	s->base.ops = &ops;
	s->base.identity.transport = "oci-archive";
	AUTO(image_source) *base = &s->base;
	enum err e = layout_name_parse(rest, &s->name, em);
	if (e == OK)
		e = archive_open(s->name.dir, &s->archive, em);
	if (e != OK)
		return err_wrap(em, e, "oci-archive");
	e = text_read(s, "oci-layout", LAYOUT_MARK_MAX, &mark, em);
	if (e == OK)
		e = layout_check_mark(buf_bytes(&mark), em);
	if (e != OK)
		return err_wrap(em, e, "oci-archive:%s holds no OCI layout", s->name.dir);
	/* The file, from which the scopes above are cut: as peers have it, without the tag. */
	s->base.identity.scope = realpath(s->name.dir, NULL);
	if (!s->base.identity.scope)
		return err_errno(em, ERR_IO, "oci-archive:%s", s->name.dir);
	*out = steal(&base);
	return OK;
}
