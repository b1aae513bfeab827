#include "image/manifest.h"

#include <stdio.h>

static const char key_prefix[] = "org.opencontainers.image.enc.";

void layer_change_clear(struct layer_change *c)
{
	free(c->media_type);
	c->media_type = NULL;
	okw_annotations_clear(&c->add);
}

/* Sets a member; keeps its place where it is there already. Takes `value`, also on failure. */
static enum err member_set(json_object *obj, const char *name, json_object *value, struct errmsg *em)
{
	if (value && json_object_object_add(obj, name, value) == 0)
		return OK;
	json_object_put(value);
	return err_set(em, ERR_NOMEM, "no memory");
}

static enum err string_set(json_object *obj, const char *name, const char *value, struct errmsg *em)
{
	return member_set(obj, name, json_object_new_string(value), em);
}

/* The annotations of a layer that are not about its keys, in a new object. */
static json_object *annotations_without_keys(json_object *annotations)
{
	json_object *kept = json_object_new_object();
	if (!kept || !annotations)
		return kept;
	json_object_object_foreach(annotations, key, value)
	{
		if (strncmp(key, key_prefix, strlen(key_prefix)) == 0)
			continue;
		if (json_object_object_add(kept, key, json_object_get(value)) != 0) {
			json_object_put(value);
			json_object_put(kept);
			return NULL;
		}
	}
	return kept;
}

static enum err annotations_apply(json_object *layer, const struct layer_change *c, struct errmsg *em)
{
	json_object *old = NULL;
	json_object_object_get_ex(layer, "annotations", &old);
	AUTO_OF(json_object) *made = NULL;
	if (c->drop_keys)
		made = annotations_without_keys(old);
	else
		made = old ? json_object_get(old) : json_object_new_object();
	if (!made)
		return err_set(em, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < c->add.count; i++) {
		enum err e = string_set(made, c->add.items[i].key, c->add.items[i].value, em);
		if (e != OK)
			return e;
	}
	if (json_object_object_length(made) == 0) {
		json_object_object_del(layer, "annotations");
		return OK;
	}
	return member_set(layer, "annotations", steal(&made), em);
}

static enum err layer_apply(json_object *layer, const struct layer_change *c, struct errmsg *em)
{
	json_object *digest = NULL;
	bool same = json_object_object_get_ex(layer, "digest", &digest) &&
		    strcmp(json_object_get_string(digest), c->digest) == 0;
	/* Both would lead to the bytes that were replaced: "data" even holds them. */
	if (!same) {
		json_object_object_del(layer, "data");
		json_object_object_del(layer, "urls");
	}
	enum err e = string_set(layer, "mediaType", c->media_type, em);
	if (e == OK)
		e = string_set(layer, "digest", c->digest, em);
	if (e == OK)
		e = member_set(layer, "size", json_object_new_int64(c->size), em);
	return e == OK ? annotations_apply(layer, c, em) : e;
}

static const char *const docker_layers[][2] = {
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip" },
	{ "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar" },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.oci.image.layer.v1.tar+zstd" },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar",
	  "application/vnd.oci.image.layer.nondistributable.v1.tar" },
};

const char *media_type_oci_layer(const char *media_type)
{
	for (size_t i = 0; i < ARRAY_LEN(docker_layers); i++)
		if (strcmp(media_type, docker_layers[i][0]) == 0)
			return docker_layers[i][1];
	return media_type;
}

/* The layers that did not change need their OCI names too. */
static enum err manifest_to_oci(struct manifest *m, struct errmsg *em)
{
	enum err e = string_set(m->root, "mediaType", MEDIA_OCI_MANIFEST, em);
	if (e == OK && strcmp(m->config.media_type, MEDIA_DOCKER_CONFIG) == 0)
		e = string_set(m->config.json, "mediaType", MEDIA_OCI_CONFIG, em);
	for (size_t i = 0; e == OK && i < m->layer_count; i++) {
		const char *media_type = media_type_oci_layer(m->layers[i].media_type);
		if (media_type != m->layers[i].media_type)
			e = string_set(m->layers[i].json, "mediaType", media_type, em);
	}
	m->media_type = MEDIA_OCI_MANIFEST;
	return e;
}

enum err manifest_apply(struct manifest *m, const struct layer_change *changes, struct raw_manifest *out,
			struct errmsg *em)
{
	enum err e = strcmp(m->media_type, MEDIA_OCI_MANIFEST) == 0 ? OK : manifest_to_oci(m, em);
	for (size_t i = 0; e == OK && i < m->layer_count; i++)
		if (changes[i].changed)
			e = layer_apply(m->layers[i].json, &changes[i], em);
	if (e != OK)
		return e;
	AUTO_STR
	char *text = json_text(m->root);
	if (!text)
		return err_set(em, ERR_NOMEM, "no memory");
	buf_clear(&out->bytes);
	e = buf_append(&out->bytes, bytes_str(text), MANIFEST_SIZE_MAX, em);
	if (e != OK)
		return err_wrap(em, e, "the new manifest");
	snprintf(out->media_type, sizeof(out->media_type), "%s", m->media_type);
	return digest_of(buf_bytes(&out->bytes), out->digest, em);
}
