#pragma once
#include "image/descriptor.h"

/* Image manifests: image-spec "Image Manifest", and Docker's "Image Manifest Version 2, Schema 2". */

#define MANIFEST_SIZE_MAX ((size_t)4 << 20)
#define MANIFEST_LAYERS_MAX 500

#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

/* A manifest's or an index's own bytes, as they were received; their digest and size were checked. */
struct raw_manifest {
	struct buf bytes;
	char media_type[256];
	char digest[IMAGE_DIGEST_SIZE];
};
void raw_manifest_clear(struct raw_manifest *m);
#define AUTO_RAW_MANIFEST __attribute__((cleanup(raw_manifest_clear))) struct raw_manifest

/* m->bytes were read as what the descriptor means: m gets its type and digest, once digest and size held.
 * ERR_INTEGRITY. */
enum err raw_manifest_check(struct raw_manifest *m, const struct descriptor *d, struct errmsg *em) MUST_USE;

struct manifest {
	json_object *root;
	const char *media_type; /* MEDIA_OCI_MANIFEST or MEDIA_DOCKER_MANIFEST */
	struct descriptor config;
	struct descriptor *layers;
	size_t layer_count;
};

/* media_type: what the descriptor or the registry said. It must fit the document, and a document that is also an
 * index is refused. out: the caller's. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED. */
enum err manifest_parse(struct bytes raw, const char *media_type, struct manifest **out, struct errmsg *em) MUST_USE;
void manifest_free(struct manifest *m);
AUTO_DEFINE(manifest)

bool media_type_is_index(const char *media_type);
bool media_type_is_manifest(const char *media_type);
/* A Docker layer type in OCI terms; others as they are. Borrowed, static or the argument. */
const char *media_type_oci_layer(const char *media_type);
bool media_type_is_encrypted(const char *media_type);

/* What manifests and indexes must have alike: an object, schemaVersion 2, the media type that it came with. */
enum err manifest_check_header(json_object *root, const char *media_type, struct errmsg *em) MUST_USE;
/* ERR_PARSE if any of `names` (ends with NULL) is there. */
enum err manifest_refuse_members(json_object *root, const char *const *names, struct errmsg *em) MUST_USE;

/* What becomes of a layer's descriptor. Members that are not named stay as they are. */
struct layer_change {
	bool changed;
	char *media_type;
	char digest[IMAGE_DIGEST_SIZE];
	int64_t size;
	struct okw_annotations add; /* replace those of the same key */
	bool drop_keys; /* remove "org.opencontainers.image.enc.*" */
};
void layer_change_clear(struct layer_change *c);

/* Carries out the changes (one a layer). A Docker manifest, whose descriptors cannot carry annotations, becomes an OCI
 * manifest. out: the new manifest's bytes; `m` is used up. */
enum err manifest_apply(struct manifest *m, const struct layer_change *changes, struct raw_manifest *out,
			struct errmsg *em) MUST_USE;
