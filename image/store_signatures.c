#include "image/store_signatures.h"

#include "image/signature_cosign.h"

#define SIGNATURE_SIZE_MAX ((size_t)8 << 20)
#define MEDIA_SIGNATURE "application/octet-stream"

/* Passes on what another source answers, and keeps it. */
struct recorder {
	struct image_source base;
	struct image_source *inner;
	bool owned;
	const struct store *store;
	json_object *beside; /* borrowed */
};

static enum err manifest_keep(const struct recorder *r, const struct raw_manifest *raw, json_object **out,
			      struct errmsg *em)
{
	const struct store_text text = { raw->media_type, raw->digest[0] ? raw->digest : NULL, buf_bytes(&raw->bytes) };
	return store_text_put(r->store, &text, out, em);
}

static enum err recorder_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				  struct errmsg *em)
{
	const struct recorder *r = (const struct recorder *)base;
	enum err e = r->inner->ops->manifest(r->inner, which, out, em);
	return e == OK ? manifest_keep(r, out, NULL, em) : e;
}

static enum err recorder_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			      struct errmsg *em)
{
	const struct recorder *r = (const struct recorder *)base;
	AUTO_BUF
	text = { 0 };
	const struct blob_wanted wanted = { d, "a signature", SIGNATURE_SIZE_MAX };
	enum err e = image_source_read(r->inner, wanted, &text, em);
	const struct store_text kept = { d->media_type, d->digest, buf_bytes(&text) };
	if (e == OK)
		e = store_text_put(r->store, &kept, NULL, em);
	return e == OK ? layout_open_blob(r->store->dir, d, out, em) : e;
}

static enum err recorder_signatures(struct image_source *base, const char *digest, struct image_signatures *out,
				    struct errmsg *em)
{
	const struct recorder *r = (const struct recorder *)base;
	return r->inner->ops->signatures ? r->inner->ops->signatures(r->inner, digest, out, em) : OK;
}

static void recorder_free(struct image_source *base)
{
	struct recorder *r = (struct recorder *)base;
	if (r->owned)
		image_source_free(r->inner);
	free(r);
}

static enum err recorder_sibling(struct image_source *base, const char *tag, struct image_source **out,
				 struct errmsg *em);
static enum err recorder_referrers(struct image_source *base, const char *digest, struct raw_manifest *out,
				   struct errmsg *em);

static const struct image_source_ops recorder_ops = {
	.manifest = recorder_manifest,
	.blob = recorder_blob,
	.free = recorder_free,
	.signatures = recorder_signatures,
	.sibling = recorder_sibling,
	.referrers = recorder_referrers,
};

static enum err beside_add(const struct recorder *r, const char *tag, json_object *descriptor, struct errmsg *em)
{
	AUTO_OF(json_object) *entry = json_object_new_object();
	bool made = json_add(entry, "manifest", descriptor) && json_add_text(entry, "tag", tag);
	return made && json_add(r->beside, NULL, steal(&entry)) ? OK : err_nomem(em, "signatures");
}

static enum err recorder_sibling(struct image_source *base, const char *tag, struct image_source **out,
				 struct errmsg *em)
{
	const struct recorder *r = (const struct recorder *)base;
	AUTO_RAW_MANIFEST raw = { 0 };
	json_object *descriptor = NULL;
	if (!r->inner->ops->sibling)
		return err_set(em, ERR_NOT_FOUND, "nothing beside it");
	struct recorder *other = calloc(1, sizeof(*other));
	if (!other)
		return err_nomem(em, "signatures");
	*other = (struct recorder){ .base.ops = &recorder_ops, .owned = true, .store = r->store, .beside = r->beside };
	AUTO(image_source) *result = &other->base;
	enum err e = r->inner->ops->sibling(r->inner, tag, &other->inner, em);
	if (e == OK)
		e = other->inner->ops->manifest(other->inner, NULL, &raw, em);
	if (e == OK)
		e = manifest_keep(r, &raw, &descriptor, em);
	if (e == OK)
		e = beside_add(r, tag, descriptor, em);
	if (e == OK)
		*out = steal(&result);
	return e;
}

/* Kept under the tag that stands for it where there is no such list. */
static enum err recorder_referrers(struct image_source *base, const char *digest, struct raw_manifest *out,
				   struct errmsg *em)
{
	const struct recorder *r = (const struct recorder *)base;
	char tag[IMAGE_DIGEST_SIZE];
	json_object *descriptor = NULL;
	if (!r->inner->ops->referrers)
		return err_set(em, ERR_NOT_FOUND, "nothing is known of what refers to it");
	enum err e = r->inner->ops->referrers(r->inner, digest, out, em);
	if (e == OK)
		e = manifest_keep(r, out, &descriptor, em);
	if (e != OK)
		return e;
	referrers_tag(digest, tag);
	return beside_add(r, tag, descriptor, em);
}

static enum err stored_keep(const struct store *s, const struct image_signatures *from, json_object *list,
			    struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < from->count; i++) {
		json_object *descriptor = NULL;
		const struct store_text kept = { MEDIA_SIGNATURE, NULL, buf_bytes(&from->items[i]) };
		e = store_text_put(s, &kept, &descriptor, em);
		if (e == OK && !json_add(list, NULL, descriptor))
			e = err_nomem(em, "signatures");
	}
	return e;
}

void store_evidence_clear(struct store_evidence *kept)
{
	json_object_put(kept->signatures);
	json_object_put(kept->beside);
	*kept = (struct store_evidence){ .signatures = NULL };
}

enum err store_evidence_keep(const struct store *s, const struct evidence *of, struct store_evidence *out,
			     struct errmsg *em)
{
	AUTO(cosign_list) *ignored = calloc(1, sizeof(*ignored));
	*out = (struct store_evidence){ json_object_new_array(), json_object_new_array() };
	struct recorder r = { .inner = of->source, .store = s, .beside = out->beside };
	r.base.ops = &recorder_ops;
	r.base.identity = of->source->identity; /* borrowed */
	struct evidence ev = { .source = &r.base, .raw = of->raw, .access = of->access };
	enum err e = ignored && out->signatures && out->beside ? evidence_stored(&ev, em) : err_nomem(em, "signatures");
	if (e == OK)
		e = stored_keep(s, &ev.stored, out->signatures, em);
	if (e == OK)
		e = evidence_beside(&ev, ignored, em);
	evidence_clear(&ev);
	if (e != OK)
		store_evidence_clear(out);
	return e == OK ? OK : err_wrap(em, e, "signatures to be kept with the image");
}

enum err store_signatures_read(const struct store *s, json_object *list, struct image_signatures *out,
			       struct errmsg *em)
{
	size_t count = json_object_array_length(list);
	enum err e = OK;
	out->items = calloc(count + 1, sizeof(*out->items));
	if (!out->items)
		return err_nomem(em, "signatures");
	for (size_t i = 0; e == OK && i < count; i++) {
		struct descriptor d;
		char path[DIGEST_PATH_SIZE];
		struct buf *to = &out->items[out->count++];
		e = descriptor_read(json_object_array_get_idx(list, i), &d, em);
		if (e == OK)
			e = digest_path(d.digest, path, em);
		if (e == OK)
			e = beneath_read((struct beneath){ s->dir, path }, SIGNATURE_SIZE_MAX, to, em);
		if (e == OK)
			e = digest_verify(buf_bytes(to), d.digest, em);
	}
	return e == OK ? OK : err_wrap(em, e, "a signature in the store");
}
