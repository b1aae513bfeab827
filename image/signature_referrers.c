#include "image/signature_cosign.h"

#include "image/index.h"
#include "image/reference.h"

#include <stdio.h>

/* Signatures whose manifests have the image as their "subject". */

#define MEDIA_COSIGN_ARTIFACT "application/vnd.dev.cosign.artifact.sig.v1+json"
#define REFERRERS_MAX 128

#define MEDIA_EMPTY "application/vnd.oci.empty.v1+json"

/* Where nothing is said of it, or (by some that write the list) the type of its empty configuration, the manifest must
 * be read to know. */
static bool may_be_signature(const char *type)
{
	return !type || strcmp(type, MEDIA_EMPTY) == 0 || strcmp(type, MEDIA_SIGSTORE_BUNDLE) == 0 ||
	       strcmp(type, MEDIA_COSIGN_ARTIFACT) == 0;
}

static enum err subject_check(const struct manifest *m, const char *digest, bool *fits, struct errmsg *em)
{
	json_object *subject = NULL;
	const char *of = NULL;
	enum err e = json_get_object_opt(m->root, "subject", &subject, em);
	if (e == OK && subject)
		e = json_get_string_opt(subject, "digest", &of, em);
	*fits = of && strcmp(of, digest) == 0;
	return e;
}

static enum err referrer_add(struct cosign_list *list, struct image_source *source, const struct descriptor *d,
			     const char *digest, struct errmsg *em)
{
	AUTO_RAW_MANIFEST raw = { 0 };
	AUTO(manifest) *m = NULL;
	bool fits = false;
	enum err e = source->ops->manifest(source, d, &raw, em);
	if (e == OK)
		e = manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &m, em);
	if (e == OK)
		e = subject_check(m, digest, &fits, em);
	if (e == OK && fits)
		e = cosign_layers_add(list, source, m, em);
	return e == OK ? OK : err_wrap(em, e, "%s, which refers to the image", d->digest);
}

static enum err all_add(struct cosign_list *list, struct image_source *source, const struct raw_manifest *raw,
			const char *digest, struct errmsg *em)
{
	AUTO(index) *index = NULL;
	size_t count = 0;
	enum err e = index_parse(buf_bytes(&raw->bytes), raw->media_type, &index, em);
	for (size_t i = 0; e == OK && i < index->count; i++) {
		const struct descriptor *d = &index->manifests[i];
		const char *type = NULL;
		e = json_get_string_opt(d->json, "artifactType", &type, em);
		if (e != OK || !may_be_signature(type) || !media_type_is_manifest(d->media_type))
			continue;
		if (++count > REFERRERS_MAX)
			e = err_set(em, ERR_LIMIT, "more than %d manifests refer to the image", REFERRERS_MAX);
		else
			e = referrer_add(list, source, d, digest, em);
	}
	return e;
}

/* Registries that know nothing of referrers have many ways to say so. */
static bool means_unknown(enum err e)
{
	return e == ERR_NOT_FOUND || e == ERR_PROTO || e == ERR_DENIED || e == ERR_AUTH || e == ERR_UNSUPPORTED;
}

void referrers_tag(const char *digest, char tag[IMAGE_DIGEST_SIZE])
{
	/* Both parts are cut where they are too long for a tag. */
	int kind = (int)strcspn(digest, ":");
	snprintf(tag, IMAGE_DIGEST_SIZE, "%.*s-%.64s", kind, digest, digest + kind + 1);
}

static enum err tagged_add(struct cosign_list *list, struct image_source *source, const char *digest, struct errmsg *em)
{
	AUTO(image_source) *sibling = NULL;
	AUTO_RAW_MANIFEST raw = { 0 };
	char tag[IMAGE_DIGEST_SIZE];
	if (!source->ops->sibling)
		return OK;
	referrers_tag(digest, tag);
	enum err e = source->ops->sibling(source, tag, &sibling, em);
	if (e == OK)
		e = sibling->ops->manifest(sibling, NULL, &raw, em);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e == OK && media_type_is_index(raw.media_type))
		e = all_add(list, sibling, &raw, digest, em);
	return e == OK ? OK : err_wrap(em, e, "%s", tag);
}

enum err cosign_referrers_add(struct cosign_list *list, struct image_source *source, const char *digest,
			      struct errmsg *em)
{
	AUTO_RAW_MANIFEST raw = { 0 };
	struct errmsg away = { "" };
	if (!source->ops->referrers)
		return tagged_add(list, source, digest, em);
	enum err e = source->ops->referrers(source, digest, &raw, &away);
	if (means_unknown(e))
		return tagged_add(list, source, digest, em);
	return e == OK ? all_add(list, source, &raw, digest, em) : err_set(em, e, "%s", away.text);
}
