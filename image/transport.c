#include "image/archive_sources.h"
#include "image/folder_source.h"
#include "image/layout.h"
#include "image/index.h"
#include "image/platform.h"
#include "image/registry_transport.h"
#include "image/source.h"
#include "image/store_source.h"

static const struct transport transports[] = {
	{ "oci", layout_open_source, layout_open_destination },
	{ "docker", registry_open_source, registry_open_destination },
	/* to be read only */
	{ "dir", folder_open_source, NULL },
	{ "oci-archive", oci_archive_open_source, NULL },
	{ "docker-archive", docker_archive_open_source, NULL },
	{ "store", store_open_source, NULL },
};

/* skopeo's names that a user may well try: "unknown" would be the wrong word for them. */
static const char *const not_yet[] = { "docker-daemon", "containers-storage", "sif", "ostree", "tarball" };

static enum err transport_find(const char *name, const struct transport **out, const char **rest, struct errmsg *em)
{
	const char *colon = strchr(name, ':');
	if (!colon)
		return err_set(em, ERR_ARG, "\"%s\" is not an image name: want oci:DIR:TAG or docker://HOST/NAME:TAG",
			       name);
	size_t len = (size_t)(colon - name);
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		if (strlen(transports[i].name) != len || strncmp(transports[i].name, name, len) != 0)
			continue;
		*out = &transports[i];
		*rest = colon + 1;
		return OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(not_yet); i++)
		if (strlen(not_yet[i]) == len && strncmp(not_yet[i], name, len) == 0)
			return err_set(em, ERR_UNSUPPORTED,
				       "%s: images are not supported; oci:DIR:TAG and docker://NAME:TAG are",
				       not_yet[i]);
	return err_set(em, ERR_ARG, "\"%s\" is not an image name: want oci:DIR:TAG or docker://HOST/NAME:TAG", name);
}

enum err image_source_open(const char *name, const struct image_access *access, struct image_source **out,
			   struct errmsg *em)
{
	const struct transport *transport = NULL;
	const char *rest = NULL;
	enum err e = transport_find(name, &transport, &rest, em);
	return e == OK ? transport->open_source(rest, access, out, em) : e;
}

enum err image_destination_open(const char *name, const struct image_access *access, struct image_destination **out,
				struct errmsg *em)
{
	const struct transport *transport = NULL;
	const char *rest = NULL;
	enum err e = transport_find(name, &transport, &rest, em);
	if (e == OK && !transport->open_destination)
		return err_set(em, ERR_UNSUPPORTED, "%s: images can only be read", transport->name);
	return e == OK ? transport->open_destination(rest, access, out, em) : e;
}

void image_source_free(struct image_source *s)
{
	if (!s)
		return;
	free(s->identity.scope);
	free(s->identity.physical);
	s->ops->free(s);
}

enum err image_signatures_add(struct image_signatures *s, struct buf *signature, struct errmsg *em)
{
	size_t total = signature->len;
	for (size_t i = 0; i < s->count; i++)
		total += s->items[i].len;
	if (s->count == IMAGE_SIGNATURES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d signatures", IMAGE_SIGNATURES_MAX);
	if (total > IMAGE_SIGNATURES_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "more than %zu bytes of signatures", IMAGE_SIGNATURES_SIZE_MAX);
	struct buf *grown = reallocarray(s->items, s->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(em, "signatures");
	s->items = grown;
	grown[s->count++] = *signature;
	*signature = (struct buf){ 0 };
	return OK;
}

void image_signatures_clear(struct image_signatures *s)
{
	for (size_t i = 0; i < s->count; i++)
		buf_clear(&s->items[i]);
	free(s->items);
	*s = (struct image_signatures){ 0 };
}

void image_destination_free(struct image_destination *d)
{
	if (d)
		d->ops->free(d);
}

/* An index in an index is legal; a chain of them is somebody's joke. */
#define INDEX_DEPTH_MAX 4

enum err image_source_manifest(struct image_source *s, const struct image_platform *platform, struct raw_manifest *out,
			       struct errmsg *em)
{
	struct image_platform want = platform_resolve(platform);
	enum err e = s->ops->manifest(s, NULL, out, em);
	for (int depth = 0; e == OK && media_type_is_index(out->media_type); depth++) {
		AUTO(index) *index = NULL;
		const struct descriptor *chosen = NULL;
		if (depth == INDEX_DEPTH_MAX)
			return err_set(em, ERR_LIMIT, "indexes inside indexes, more than %d deep", INDEX_DEPTH_MAX);
		e = index_parse(buf_bytes(&out->bytes), out->media_type, &index, em);
		if (e == OK)
			e = index_choose(index, &want, &chosen, em);
		if (e != OK)
			return e;
		raw_manifest_clear(out);
		e = s->ops->manifest(s, chosen, out, em);
	}
	return e;
}

enum err image_source_blob(struct image_source *s, const struct descriptor *d, const char *what, struct stream **out,
			   struct errmsg *em)
{
	struct stream *raw = NULL;
	enum err e = s->ops->blob(s, d, &raw, em);
	if (e != OK)
		return e;
	return stream_verify(raw, (struct stream_expect){ .digest = d->digest, .size = d->size, .what = what }, out,
			     em);
}

enum err image_source_read(struct image_source *s, struct blob_wanted wanted, struct buf *out, struct errmsg *em)
{
	AUTO(stream) *blob = NULL;
	if (wanted.what->size > (int64_t)wanted.max)
		return err_set(em, ERR_LIMIT, "%s: more than %zu bytes", wanted.name, wanted.max);
	enum err e = image_source_blob(s, wanted.what, wanted.name, &blob, em);
	for (size_t got = 1; e == OK && got > 0;) {
		e = buf_reserve(out, 16384, em);
		if (e == OK)
			e = stream_read(blob, (struct stream_window){ out->data + out->len, 16384 }, &got, em);
		if (e == OK)
			out->len += got;
	}
	return e;
}
