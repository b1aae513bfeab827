#include "image/store_source.h"

#include "image/store_record.h"
#include "image/store_signatures.h"

struct store_source {
	struct image_source base;
	struct store store; /* nobody clears it up meanwhile */
	struct store_record record;
	struct descriptor manifest; /* of the record: the image's, or one beside it */
	struct held_layer *held; /* one a layer, from held() on */
	size_t held_count;
};

static enum err source_manifest(struct image_source *base, const struct descriptor *which, struct raw_manifest *out,
				struct errmsg *em)
{
	const struct store_source *s = (const struct store_source *)base;
	enum err e = layout_read_manifest(s->store.dir, which ? which : &s->manifest, out, em);
	return e == OK ? OK : err_wrap(em, e, "store %s", s->store.path);
}

/* Whether the manifest's layer was encrypted, and is held in the clear. */
static bool is_held_otherwise(const struct store_source *s, const struct descriptor *d)
{
	struct held_layer h;
	bool otherwise = held_layer_read(&s->store, d->digest, &h, NULL) == OK && strcmp(h.blob.digest, d->digest) != 0;
	held_layer_clear(&h);
	return otherwise;
}

static enum err source_blob(struct image_source *base, const struct descriptor *d, struct stream **out,
			    struct errmsg *em)
{
	const struct store_source *s = (const struct store_source *)base;
	enum err e = layout_open_blob(s->store.dir, d, out, em);
	if (e == ERR_NOT_FOUND && is_held_otherwise(s, d))
		return err_set(em, ERR_UNSUPPORTED,
			       "store %s has %s decrypted, and does not give that away: copy the image from where it "
			       "came from",
			       s->store.path, d->digest);
	return e == OK ? OK : err_wrap(em, e, "store %s", s->store.path);
}

static enum err source_held(struct image_source *base, struct manifest *m, struct errmsg *em)
{
	struct store_source *s = (struct store_source *)base;
	s->held = calloc(m->layer_count + 1, sizeof(*s->held));
	if (!s->held)
		return err_nomem(em, "layers");
	for (size_t i = 0; i < m->layer_count; i++) {
		enum err e = held_layer_read(&s->store, m->layers[i].digest, &s->held[i], em);
		if (e != OK)
			return err_wrap(em, e, "store %s: layer %zu: pull the image again", s->store.path, i);
		s->held_count = i + 1;
		m->layers[i] = s->held[i].blob;
	}
	return OK;
}

static enum err source_signatures(struct image_source *base, const char *digest, struct image_signatures *out,
				  struct errmsg *em)
{
	const struct store_source *s = (const struct store_source *)base;
	*out = (struct image_signatures){ .alone = true };
	/* An index that was above it is not here, and neither are its signatures. */
	if (strcmp(digest, s->record.manifest.digest) != 0)
		return OK;
	return store_signatures_read(&s->store, s->record.signatures, out, em);
}

static void source_free(struct image_source *base)
{
	struct store_source *s = (struct store_source *)base;
	for (size_t i = 0; i < s->held_count; i++)
		held_layer_clear(&s->held[i]);
	free(s->held);
	store_record_clear(&s->record);
	store_close(&s->store);
	free(s);
}

static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out,
			       struct errmsg *em);

static const struct image_source_ops source_ops = {
	.manifest = source_manifest,
	.blob = source_blob,
	.free = source_free,
	.signatures = source_signatures,
	.sibling = source_sibling,
	.held = source_held,
};

/* What was kept of it. */
static enum err source_sibling(struct image_source *base, const char *tag, struct image_source **out, struct errmsg *em)
{
	const struct store_source *s = (const struct store_source *)base;
	for (size_t i = 0; i < json_object_array_length(s->record.beside); i++) {
		struct descriptor manifest;
		const char *name = NULL;
		enum err e = store_record_beside(json_object_array_get_idx(s->record.beside, i), &name, &manifest, em);
		if (e != OK)
			return e;
		if (strcmp(name, tag) != 0)
			continue;
		struct store_source *other = calloc(1, sizeof(*other));
		if (!other)
			return err_nomem(em, "an image");
		other->base.ops = &source_ops;
		other->record = s->record;
		json_object_get(other->record.root);
		other->manifest = manifest;
		e = store_share(&s->store, &other->store, em);
		if (e == OK)
			*out = &other->base;
		else
			source_ops.free(&other->base);
		return e;
	}
	return err_set(em, ERR_NOT_FOUND, "the store keeps nothing tagged %.200s beside the image", tag);
}

static enum err identity_set(struct store_source *s, struct errmsg *em)
{
	struct image_identity *identity = &s->base.identity;
	const struct store_record *r = &s->record;
	identity->transport = r->transport;
	identity->scope = strdup(r->scope);
	identity->physical = r->physical ? strdup(r->physical) : NULL;
	return identity->scope && (identity->physical || !r->physical) ? OK : err_nomem(em, "a name");
}

enum err store_open_source(const char *rest, const struct image_access *access, struct image_source **out,
			   struct errmsg *em)
{
	struct store_source *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(em, "an image");
	s->base.ops = &source_ops;
	s->store.dir = -1;
	AUTO(image_source) *base = &s->base;
	enum err e = store_open(access ? access->store : NULL, STORE_LOOK, &s->store, em);
	if (e == OK)
		e = store_record_find(&s->store, rest, &s->record, em);
	s->manifest = s->record.manifest;
	if (e == OK)
		e = identity_set(s, em);
	if (e != OK)
		return e;
	*out = steal(&base);
	return OK;
}
