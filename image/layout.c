#include "image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

void layout_name_clear(struct layout_name *name)
{
	free(name->dir);
	free(name->tag);
	*name = (struct layout_name){ .place = -1 };
}

static bool alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* image-spec, "Pre-Defined Annotation Keys":
 * ref = component *("/" component), component = alphanum *(separator alphanum), separator = [-._:@+] / "--" */
static bool tag_valid(const char *tag)
{
	for (const char *c = tag; *c; c++) {
		if (alphanumeric(*c))
			continue;
		if (c == tag || !strchr("-._:@+/", *c))
			return false;
		if (*c == '-' && c[1] == '-')
			c++;
		if (!alphanumeric(c[1]))
			return false;
	}
	return *tag && strlen(tag) <= 255;
}

enum err layout_place_parse(const char *digits, long *out, struct errmsg *em)
{
	size_t len = strlen(digits);
	if (len == 0 || len > 9 || strspn(digits, "0123456789") != len)
		return err_set(em, ERR_ARG, "@N wants a number, from 0 on, for N");
	*out = strtol(digits, NULL, 10);
	return OK;
}

enum err layout_name_parse(const char *rest, struct layout_name *out, struct errmsg *em)
{
	*out = (struct layout_name){ .place = -1 };
	/* As with skopeo the first colon ends the folder. */
	size_t len = strcspn(rest, ":");
	if (len == 0)
		return err_set(em, ERR_ARG, "there is no path before the colon");
	const char *tag = rest[len] ? rest + len + 1 : NULL;
	if (tag && tag[0] == '@') {
		enum err e = layout_place_parse(tag + 1, &out->place, em);
		if (e != OK)
			return e;
		tag = NULL;
	} else if (tag && !tag_valid(tag)) {
		return err_set(em, ERR_ARG,
			       "\"%s\" cannot be a tag: want letters and digits, between them one of - . _ "
			       ": @ + /",
			       tag);
	}
	out->dir = strndup(rest, len);
	out->tag = tag ? strdup(tag) : NULL;
	if (out->dir && (!tag || out->tag))
		return OK;
	layout_name_clear(out);
	return err_set(em, ERR_NOMEM, "no memory");
}

enum err layout_check_mark(struct bytes text, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	const char *version = NULL;
	enum err e = json_parse(text, LAYOUT_MARK_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = json_get_string(root, "imageLayoutVersion", &version, em);
	if (e != OK)
		return err_wrap(em, e, "oci-layout");
	if (strcmp(version, "1.0.0") != 0)
		return err_set(em, ERR_UNSUPPORTED, "oci-layout: imageLayoutVersion is not 1.0.0");
	return OK;
}

enum err layout_check(int dir, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = beneath_read((struct beneath){ dir, "oci-layout" }, LAYOUT_MARK_MAX, &text, em);
	return e == OK ? layout_check_mark(buf_bytes(&text), em) : e;
}

enum err layout_read_index(int dir, struct index **out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = beneath_read((struct beneath){ dir, "index.json" }, INDEX_SIZE_MAX, &text, em);
	if (e != OK)
		return e;
	e = index_parse(buf_bytes(&text), MEDIA_OCI_INDEX, out, em);
	return e == OK ? OK : err_wrap(em, e, "index.json");
}

struct layout_source {
	struct image_source base;
	int dir;
	struct layout_name name;
};

enum err layout_find(const struct layout_name *name, const struct index *index, const struct descriptor **out,
		     struct errmsg *em)
{
	if (name->tag)
		return index_find_tag(index, name->tag, out, em);
	if (name->place < 0)
		return index_only(index, out, em);
	if ((size_t)name->place >= index->count)
		return err_set(em, ERR_NOT_FOUND, "no image @%ld: there are %zu", name->place, index->count);
	*out = &index->manifests[name->place];
	return OK;
}

enum err layout_read_manifest(int dir, const struct descriptor *d, struct raw_manifest *out, struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	if (d->size > (int64_t)MANIFEST_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "manifest %s: more than %zu bytes", d->digest, MANIFEST_SIZE_MAX);
	enum err e = digest_path(d->digest, path, em);
	if (e == OK)
		e = beneath_read((struct beneath){ dir, path }, MANIFEST_SIZE_MAX, &out->bytes, em);
	if (e == OK)
		e = raw_manifest_check(out, d, em);
	return e == OK ? OK : err_wrap(em, e, "manifest %s", d->digest);
}

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	struct layout_source *s = (struct layout_source *)base;
	if (which)
		return layout_read_manifest(s->dir, which, out, em);
	AUTO(index) *index = NULL;
	enum err e = layout_read_index(s->dir, &index, em);
	if (e == OK)
		e = layout_find(&s->name, index, &which, em);
	if (e == OK)
		e = layout_read_manifest(s->dir, which, out, em);
	return e == OK ? OK : err_wrap(em, e, "oci:%s", s->name.dir);
}

enum err layout_open_blob(int dir, const struct descriptor *d, struct stream **out, struct errmsg *em)
{
	char path[DIGEST_PATH_SIZE];
	int fd = -1;
	int64_t size = 0;
	enum err e = digest_path(d->digest, path, em);
	if (e == OK)
		e = beneath_open_file((struct beneath){ dir, path }, &fd, &size, em);
	if (e != OK)
		return e;
	/* Sooner than after gigabytes of reading. */
	if (size != d->size) {
		close(fd);
		return err_set(em, ERR_INTEGRITY, "%s has %lld bytes, want %lld", path, (long long)size,
			       (long long)d->size);
	}
	return stream_from_fd(fd, out, em);
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	const struct layout_source *s = (const struct layout_source *)base;
	enum err e = layout_open_blob(s->dir, d, out, em);
	return e == OK ? OK : err_wrap(em, e, "oci:%s", s->name.dir);
}

static void source_free(struct image_source *base)
{
	struct layout_source *s = (struct layout_source *)base;
	if (s->dir >= 0)
		close(s->dir);
	layout_name_clear(&s->name);
	free(s);
}

static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out,
			       struct errmsg *em);

static const struct image_source_ops source_ops = {
	.manifest = source_manifest,
	.blob = source_blob,
	.free = source_free,
	.sibling = source_sibling,
};

/* Another name of the same folder. */
static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out, struct errmsg *em)
{
	const struct layout_source *s = (const struct layout_source *)base;
	struct layout_source *other = calloc(1, sizeof(*other));
	if (!other)
		return err_set(em, ERR_NOMEM, "no memory");
	AUTO(image_source) *owned = &other->base;
	other->base.ops = &source_ops;
	other->base.identity.transport = "oci";
	other->name = (struct layout_name){ .dir = strdup(s->name.dir), .tag = strdup(tag), .place = -1 };
	other->dir = fcntl(s->dir, F_DUPFD_CLOEXEC, 3);
	if (!other->name.dir || !other->name.tag || other->dir < 0)
		return err_set(em, ERR_NOMEM, "no memory");
	*out = steal(&owned);
	return OK;
}

/* policy.json(5): the folder, from which the scopes above are cut. Not the tag: the same image may be had by another
 * tag, by its number, or by none. */
static enum err identity_set(struct layout_source *s, struct errmsg *em)
{
	s->base.identity.transport = "oci";
	s->base.identity.scope = realpath(s->name.dir, NULL);
	return s->base.identity.scope ? OK : err_errno(em, ERR_IO, "oci:%s", s->name.dir);
}

enum err layout_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			    struct errmsg *em)
{
	(void)access; /* folders need none */
	struct layout_source *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	s->base.ops = &source_ops;
	s->dir = -1;
	AUTO(image_source) *base = &s->base;
	enum err e = layout_name_parse(rest, &s->name, em);
	if (e != OK)
		return e;
	s->dir = open(s->name.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "oci:%s", s->name.dir);
	e = identity_set(s, em);
	if (e != OK)
		return e;
	e = layout_check(s->dir, em);
	if (e != OK)
		return err_wrap(em, e, "oci:%s is not an OCI layout", s->name.dir);
	*out = steal(&base);
	return OK;
}
