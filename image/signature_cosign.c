#include "image/signature_cosign.h"

#include "common/base64.h"
#include "image/evidence.h"

#include <stdio.h>

#define SIGNATURES_MAX 128
#define PAYLOAD_SIZE_MAX ((size_t)4 << 20)
#define STORED_SIZE_MAX ((size_t)8 << 20)
#define ANNOTATION_SIGNATURE "dev.cosignproject.cosign/signature"
#define ANNOTATION_BUNDLE "dev.sigstore.cosign/bundle"

static void signature_clear(struct cosign_signature *s)
{
	buf_clear(&s->payload);
	free(s->media_type);
	free(s->signature);
	free(s->bundle);
	*s = (struct cosign_signature){ 0 };
}

void cosign_list_free(struct cosign_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		signature_clear(&list->items[i]);
	free(list->items);
	free(list);
}

static enum err signature_new(struct cosign_list *list, struct cosign_signature **out, struct errmsg *em)
{
	if (list->count == SIGNATURES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d signatures", SIGNATURES_MAX);
	struct cosign_signature *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return err_set(em, ERR_NOMEM, "no memory for signatures");
	list->items = grown;
	grown[list->count] = (struct cosign_signature){ 0 };
	*out = &grown[list->count++];
	return OK;
}

/* From annotations; what has no signature is kept, and refused with a reason later. */
static enum err texts_take(struct cosign_signature *s, const char *media_type, const char *signature,
			   const char *bundle, struct errmsg *em)
{
	s->media_type = strdup(media_type);
	s->signature = strdup(signature ? signature : "");
	s->bundle = bundle ? strdup(bundle) : NULL;
	return s->media_type && s->signature && (s->bundle || !bundle)
		       ? OK
		       : err_set(em, ERR_NOMEM, "no memory for signatures");
}

static enum err stored_read(json_object *root, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = { "mimeType", "payload", "annotations", NULL };
	json_object *annotations = NULL;
	const char *type = NULL;
	const char *payload = NULL;
	const char *signature = NULL;
	const char *bundle = NULL;
	enum err e = json_object_is_type(root, json_type_object) ? json_only_members(root, names, em)
								 : err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_get_string(root, "mimeType", &type, em);
	if (e == OK)
		e = json_get_string(root, "payload", &payload, em);
	if (e == OK)
		e = json_get_object_opt(root, "annotations", &annotations, em);
	if (e == OK && annotations)
		e = json_get_string_opt(annotations, ANNOTATION_SIGNATURE, &signature, em);
	if (e == OK && annotations)
		e = json_get_string_opt(annotations, ANNOTATION_BUNDLE, &bundle, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(payload), &s->payload, em);
	return e == OK ? texts_take(s, type, signature, bundle, em) : e;
}

enum err cosign_stored_add(struct cosign_list *list, struct bytes stored, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	struct cosign_signature read = { 0 };
	struct cosign_signature *s = NULL;
	size_t prefix = sizeof(SIGSTORE_JSON_PREFIX) - 1;
	if (!is_sigstore_json(stored))
		return err_set(em, ERR_PARSE, "no stored sigstore signature");
	struct bytes text = { stored.data + prefix, stored.len - prefix };
	enum err e = json_parse(text, STORED_SIZE_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = stored_read(root, &read, em);
	if (e == OK)
		e = signature_new(list, &s, em);
	if (e == OK)
		*s = read;
	else
		signature_clear(&read);
	return e == OK ? OK : err_wrap(em, e, "a stored sigstore signature");
}

static enum err payload_read(struct image_source *source, const struct descriptor *d, struct buf *out,
			     struct errmsg *em)
{
	AUTO(stream) *blob = NULL;
	if (d->size > (int64_t)PAYLOAD_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "a signed statement of more than %zu bytes", PAYLOAD_SIZE_MAX);
	enum err e = image_source_blob(source, d, "a signed statement", &blob, em);
	for (size_t got = 1; e == OK && got > 0;) {
		e = buf_reserve(out, 4096, em);
		if (e == OK)
			e = stream_read(blob, (struct stream_window){ out->data + out->len, 4096 }, &got, em);
		if (e == OK)
			out->len += got;
	}
	return e;
}

static enum err layers_read(struct cosign_list *list, struct image_source *sibling, const struct manifest *m,
			    struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < m->layer_count; i++) {
		const struct descriptor *d = &m->layers[i];
		struct cosign_signature *s = NULL;
		if (strcmp(d->media_type, MEDIA_SIMPLESIGNING) != 0)
			continue;
		e = signature_new(list, &s, em);
		if (e == OK)
			e = texts_take(s, d->media_type, descriptor_annotation(d, ANNOTATION_SIGNATURE),
				       descriptor_annotation(d, ANNOTATION_BUNDLE), em);
		if (e == OK)
			e = payload_read(sibling, d, &s->payload, em);
	}
	return e;
}

enum err cosign_sibling_add(struct cosign_list *list, struct image_source *source, const char *digest,
			    struct errmsg *em)
{
	AUTO(image_source) *sibling = NULL;
	AUTO(manifest) *m = NULL;
	AUTO_RAW_MANIFEST raw = { 0 };
	char tag[IMAGE_DIGEST_SIZE + 8];
	if (!source->ops->sibling)
		return OK;
	snprintf(tag, sizeof(tag), "%s.sig", digest);
	*strchrnul(tag, ':') = '-';
	enum err e = source->ops->sibling(source, tag, &sibling, em);
	/* Never through an index: what is meant is one manifest. */
	if (e == OK)
		e = sibling->ops->manifest(sibling, NULL, &raw, em);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e == OK)
		e = manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &m, em);
	if (e == OK)
		e = layers_read(list, sibling, m, em);
	return e == OK ? OK : err_wrap(em, e, "%s", tag);
}
