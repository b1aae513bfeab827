#include "image/signature_cosign.h"

#include "common/base64.h"
#include "image/evidence.h"
#include "image/reference.h"

#include <stdio.h>

#define SIGNATURES_MAX 128
#define PAYLOAD_SIZE_MAX ((size_t)1 << 20)
#define ALL_SIZE_MAX ((size_t)16 << 20)
#define STORED_SIZE_MAX ((size_t)8 << 20)

static const char signature_name[] = "dev.cosignproject.cosign/signature";
static const char log_name[] = "dev.sigstore.cosign/bundle";
static const char certificate_name[] = "dev.sigstore.cosign/certificate";
static const char chain_name[] = "dev.sigstore.cosign/chain";

static void signature_clear(struct cosign_signature *s)
{
	buf_clear(&s->payload);
	buf_clear(&s->message);
	buf_clear(&s->certificate);
	buf_clear(&s->chain);
	free(s->signature);
	free(s->log);
	free(s->proof);
	*s = (struct cosign_signature){ .form = SIGSTORE_PAYLOAD };
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

enum err cosign_list_add(struct cosign_list *list, size_t bytes, struct cosign_signature **out, struct errmsg *em)
{
	if (list->count == SIGNATURES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d signatures", SIGNATURES_MAX);
	list->total += bytes;
	if (list->total > ALL_SIZE_MAX)
		return err_set(em, ERR_LIMIT, "more than %zu bytes of signatures", ALL_SIZE_MAX);
	struct cosign_signature *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(em, "signatures");
	list->items = grown;
	grown[list->count] = (struct cosign_signature){ .form = SIGSTORE_PAYLOAD };
	*out = &grown[list->count++];
	return OK;
}

/* One annotation; `json`: an object, or NULL. What is missing stays empty. */
static enum err text_take(json_object *json, const char *name, char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json ? json_get_string_opt(json, name, &text, em) : OK;
	if (e != OK || !text)
		return e;
	*out = strdup(text);
	return *out ? OK : err_nomem(em, "signatures");
}

static enum err buf_take(json_object *json, const char *name, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json ? json_get_string_opt(json, name, &text, em) : OK;
	return e == OK && text ? buf_append(out, bytes_str(text), 0, em) : e;
}

static enum err annotations_take(struct cosign_signature *s, json_object *annotations, struct errmsg *em)
{
	enum err e = text_take(annotations, signature_name, &s->signature, em);
	if (e == OK)
		e = text_take(annotations, log_name, &s->log, em);
	if (e == OK)
		e = buf_take(annotations, certificate_name, &s->certificate, em);
	return e == OK ? buf_take(annotations, chain_name, &s->chain, em) : e;
}

static enum err stored_read(json_object *root, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = { "mimeType", "payload", "annotations", NULL };
	json_object *annotations = NULL;
	const char *type = NULL;
	const char *payload = NULL;
	enum err e = json_object_is_type(root, json_type_object) ? json_only_members(root, names, em)
								 : err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_get_string(root, "mimeType", &type, em);
	if (e == OK)
		e = json_get_string(root, "payload", &payload, em);
	if (e == OK)
		e = json_get_object_opt(root, "annotations", &annotations, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(payload), &s->payload, em);
	if (e == OK && strcmp(type, MEDIA_SIMPLESIGNING) != 0)
		snprintf(s->fault, sizeof(s->fault), "it is not of the type " MEDIA_SIMPLESIGNING);
	return e == OK ? annotations_take(s, annotations, em) : e;
}

enum err cosign_stored_add(struct cosign_list *list, struct bytes stored, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	struct cosign_signature *s = NULL;
	size_t prefix = sizeof(SIGSTORE_JSON_PREFIX) - 1;
	if (!is_sigstore_json(stored))
		return err_set(em, ERR_PARSE, "no stored sigstore signature");
	struct bytes text = { stored.data + prefix, stored.len - prefix };
	enum err e = json_parse(text, STORED_SIZE_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = cosign_list_add(list, stored.len, &s, em);
	if (e == OK)
		e = stored_read(root, s, em);
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

static enum err layer_add(struct cosign_list *list, struct image_source *sibling, const struct descriptor *d,
			  struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	struct cosign_signature *s = NULL;
	json_object *annotations = json_object_object_get(d->json, "annotations");
	enum err e = payload_read(sibling, d, &text, em);
	if (e == OK && strcmp(d->media_type, MEDIA_SIGSTORE_BUNDLE) == 0)
		return sigstore_bundle_add(list, buf_bytes(&text), em);
	if (e == OK)
		e = cosign_list_add(list, text.len, &s, em);
	if (e != OK)
		return e;
	s->payload = text;
	text = (struct buf){ 0 };
	return annotations_take(s, annotations, em);
}

enum err cosign_layers_add(struct cosign_list *list, struct image_source *sibling, const struct manifest *m,
			   struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < m->layer_count; i++) {
		const struct descriptor *d = &m->layers[i];
		if (strcmp(d->media_type, MEDIA_SIMPLESIGNING) == 0 ||
		    strcmp(d->media_type, MEDIA_SIGSTORE_BUNDLE) == 0)
			e = layer_add(list, sibling, d, em);
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
	/* With a longer digest there can be none. */
	if (!reference_tag_valid(tag))
		return OK;
	enum err e = source->ops->sibling(source, tag, &sibling, em);
	/* Never through an index: what is meant is one manifest. */
	if (e == OK)
		e = sibling->ops->manifest(sibling, NULL, &raw, em);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e == OK)
		e = manifest_parse(buf_bytes(&raw.bytes), raw.media_type, &m, em);
	if (e == OK)
		e = cosign_layers_add(list, sibling, m, em);
	return e == OK ? OK : err_wrap(em, e, "%s", tag);
}
