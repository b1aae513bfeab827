#include "image/manifest.h"

#include <stdio.h>

void raw_manifest_clear(struct raw_manifest *m)
{
	buf_clear(&m->bytes);
}

enum err raw_manifest_check(struct raw_manifest *m, const struct descriptor *d, struct errmsg *em)
{
	enum err e = OK;
	if ((int64_t)m->bytes.len != d->size)
		e = err_set(em, ERR_INTEGRITY, "it has %zu bytes, want %lld", m->bytes.len, (long long)d->size);
	if (e == OK)
		e = digest_verify(buf_bytes(&m->bytes), d->digest, em);
	if (e != OK)
		return e;
	snprintf(m->media_type, sizeof m->media_type, "%s", d->media_type);
	snprintf(m->digest, sizeof m->digest, "%s", d->digest);
	return OK;
}

bool media_type_is_index(const char *media_type)
{
	return strcmp(media_type, MEDIA_OCI_INDEX) == 0 || strcmp(media_type, MEDIA_DOCKER_LIST) == 0;
}

bool media_type_is_manifest(const char *media_type)
{
	return strcmp(media_type, MEDIA_OCI_MANIFEST) == 0 || strcmp(media_type, MEDIA_DOCKER_MANIFEST) == 0;
}

bool media_type_is_encrypted(const char *media_type)
{
	static const char suffix[] = "+encrypted";
	size_t len = strlen(media_type);
	return len > strlen(suffix) && strcmp(media_type + len - strlen(suffix), suffix) == 0;
}

static const char *const members[] = { "schemaVersion", "mediaType", "config",      "layers",  "manifests",
				       "fsLayers",      "history",   "annotations", "subject", NULL };

enum err manifest_check_header(json_object *root, const char *media_type, struct errmsg *em)
{
	if (!json_object_is_type(root, json_type_object))
		return err_set(em, ERR_PARSE, "not a JSON object");
	enum err e = json_refuse_case_variants(root, members, em);
	int64_t version = 0;
	if (e == OK)
		e = json_get_int_opt(root, "schemaVersion", 0, INT32_MAX, &version, em);
	if (e != OK)
		return e;
	if (version != 2)
		return err_set(em, ERR_UNSUPPORTED, "schemaVersion is not 2");
	const char *own = media_type;
	e = json_get_string_opt(root, "mediaType", &own, em);
	if (e != OK)
		return e;
	if (strcmp(own, media_type) != 0)
		return err_set(em, ERR_PARSE, "its mediaType is not the %s that was announced", media_type);
	return OK;
}

enum err manifest_refuse_members(json_object *root, const char *const *names, struct errmsg *em)
{
	for (; *names; names++)
		if (json_object_object_get_ex(root, *names, NULL))
			return err_set(em, ERR_PARSE, "ambiguous document: it has no business with \"%s\"", *names);
	return OK;
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	json_object_put(m->root);
	free(m->layers);
	free(m);
}

static enum err layers_read(struct manifest *m, struct errmsg *em)
{
	json_object *layers = NULL;
	enum err e = json_get_array_opt(m->root, "layers", &layers, em);
	if (e != OK)
		return e;
	if (!layers)
		return err_set(em, ERR_PARSE, "no \"layers\"");
	size_t count = json_object_array_length(layers);
	if (count > MANIFEST_LAYERS_MAX)
		return err_set(em, ERR_LIMIT, "%zu layers; at most %d are taken", count, MANIFEST_LAYERS_MAX);
	m->layers = calloc(count ? count : 1, sizeof(*m->layers));
	if (!m->layers)
		return err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		e = descriptor_read(json_object_array_get_idx(layers, i), &m->layers[i], em);
		if (e != OK)
			return err_wrap(em, e, "layer %zu", i);
	}
	m->layer_count = count;
	return OK;
}

static enum err manifest_read(struct manifest *m, const char *media_type, struct errmsg *em)
{
	static const char *const foreign[] = { "manifests", "fsLayers", "history", NULL };
	enum err e = manifest_check_header(m->root, media_type, em);
	if (e == OK)
		e = manifest_refuse_members(m->root, foreign, em);
	if (e != OK)
		return e;
	m->media_type = strcmp(media_type, MEDIA_OCI_MANIFEST) == 0 ? MEDIA_OCI_MANIFEST : MEDIA_DOCKER_MANIFEST;
	json_object *config = NULL;
	e = json_get_object(m->root, "config", &config, em);
	if (e == OK)
		e = descriptor_read(config, &m->config, em);
	if (e != OK)
		return err_wrap(em, e, "config");
	return layers_read(m, em);
}

enum err manifest_parse(struct bytes raw, const char *media_type, struct manifest **out, struct errmsg *em)
{
	if (!media_type_is_manifest(media_type))
		return err_set(em, ERR_UNSUPPORTED, "%s is not an image manifest that is known here", media_type);
	AUTO(manifest) *m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = json_parse(raw, MANIFEST_SIZE_MAX, JSON_STRICT, &m->root, em);
	if (e == OK)
		e = manifest_read(m, media_type, em);
	if (e != OK)
		return err_wrap(em, e, "image manifest");
	*out = steal(&m);
	return OK;
}
