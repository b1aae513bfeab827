#include "pkcs11/object.h"

#include "pkcs11/session_object.h"

#include <stdio.h>

static void object_destroy(struct object *o)
{
	material_free(o->own);
	session_part_free(o->session);
	spki_pins_free(o->pins);
	free(o->label);
	free(o);
}

void object_free(struct object *o)
{
	if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
		object_destroy(o);
}

struct object *object_ref(struct object *o)
{
	if (o)
		atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

static enum err source_of(struct source_set *sources, const char *name, struct source **out, struct errmsg *em)
{
	return entry_is_uri(name) ? source_of_uri(sources, name, out, em) : source_of_file(sources, name, out, em);
}

static enum err attach_sources(struct object *o, struct source_set *sources, const struct entry *entry,
			       struct errmsg *em)
{
	enum err e = OK;
	if (entry->certificate)
		e = source_of(sources, entry->certificate, &o->certificate, em);
	if (e == OK && entry->public_part)
		e = source_of(sources, entry->public_part, &o->public_part, em);
	if (e == OK && entry->uri)
		e = source_of_uri(sources, entry->uri, &o->uri, em);
	if (e != OK)
		return e;
	o->content = o->uri;
	if (o->content && (entry->class == CKO_PRIVATE_KEY || entry->class == CKO_SECRET_KEY) && !entry->extractable)
		source_mark_key(o->content);
	if (o->class == CKO_CERTIFICATE && o->certificate)
		o->content = o->certificate;
	/* A certificate in a file pins the key as a public key does. */
	if (!o->public_part && o->certificate && source_is_local(o->certificate))
		o->public_part = o->certificate;
	if (o->class == CKO_PUBLIC_KEY && !o->content)
		o->content = o->public_part ? o->public_part : o->certificate;
	return OK;
}

/* How long contents are good, what belongs together, and which key it must be. */
static enum err agree_on_terms(struct object *o, const struct entry *entry, struct errmsg *em)
{
	struct source *const all[] = { o->uri, o->certificate, o->public_part };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i])
			source_lease(all[i], &entry->lease);
	enum err e = OK;
	if (o->class != entry->class || o->class == CKO_CERTIFICATE || !o->uri)
		return OK;
	if (o->certificate)
		e = source_pair(o->uri, o->certificate, em);
	if (e == OK && o->public_part)
		e = source_pair(o->uri, o->public_part, em);
	return e == OK ? source_pin(o->uri, entry->pins, em) : e;
}

static size_t copy_id(const struct entry *entry, uint8_t to[ENTRY_ID_MAX])
{
	uint8_t made[ENTRY_ID_MADE];
	struct bytes id = entry_id(entry, made);
	memcpy(to, id.data, id.len);
	return id.len;
}

enum err object_new(struct source_set *sources, const struct entry *entry, CK_OBJECT_CLASS class, struct object **out,
		    struct errmsg *em)
{
	AUTO(object) *o = calloc(1, sizeof(*o));
	if (o)
		o->refs = 1;
	if (!o || !(o->label = strdup(entry->label)))
		return err_nomem(em, "an object");
	o->class = class;
	o->hint = entry->key_type;
	o->label_len = entry->label_len;
	o->id_len = copy_id(entry, o->id);
	o->extractable = entry->extractable;
	o->sensitive = (class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY) && !entry->extractable;
	o->derived = class != entry->class;
	o->more = entry->more;
	o->always_authenticate = class == CKO_PRIVATE_KEY && entry->more && entry->more->always_authenticate;
	o->pins = spki_pins_ref(entry->pins);
	enum err e = attach_sources(o, sources, entry, em);
	if (e == OK)
		e = agree_on_terms(o, entry, em);
	if (e != OK)
		return e;
	*out = steal(&o);
	return OK;
}

#define CHAIN_MARK "-ca-"

enum err object_set_chain(struct object *o, unsigned position, struct errmsg *em)
{
	char *label = NULL;
	int len = asprintf(&label, "%s" CHAIN_MARK "%u", o->label, position);
	if (len < 0)
		return err_nomem(em, "an object");
	free(o->label);
	o->label = label;
	o->label_len = (size_t)len;
	o->chain = position;
	return OK;
}

size_t object_chain_stem(struct bytes label)
{
	size_t at = label.len;
	while (at > 0 && label.data[at - 1] >= '0' && label.data[at - 1] <= '9')
		at--;
	const size_t mark = strlen(CHAIN_MARK);
	bool is = at < label.len && at > mark && memcmp(label.data + at - mark, CHAIN_MARK, mark) == 0;
	return is ? at - mark : 0;
}

/* The contents as far as they are known without the network; NULL if they are not. */
static struct material *content_known(struct object *o)
{
	struct errmsg ignored;
	struct material *m = NULL;
	if (!o->content)
		return NULL;
	if (!source_is_local(o->content))
		return source_peek(o->content);
	return source_get(o->content, &m, &ignored) == OK ? m : NULL;
}

size_t object_chain_length(struct object *o)
{
	AUTO(material) *m = o->class == CKO_CERTIFICATE ? content_known(o) : NULL;
	return m ? m->chain_len : 0;
}

bool object_is_private(const struct object *o)
{
	return o->session ? o->session->private : o->private;
}

bool object_visible(struct object *o)
{
	if (o->chain)
		return o->chain <= object_chain_length(o);
	if (!o->derived || o->public_part || (o->certificate && o->class != CKO_DATA))
		return true;
	if (!o->content)
		return false;
	AUTO(material) *m = source_peek(o->content);
	if (!m)
		return false;
	return o->class == CKO_CERTIFICATE ? m->certificate != NULL : m->key != NULL;
}

/* Whether the pins of the entry allow the key. */
static enum err check_digest(const struct object *o, const struct material *m, struct errmsg *em)
{
	uint8_t digest[SPKI_PIN_LEN];
	if (!o->pins)
		return OK;
	/* A certificate may hold a kind of key that is not known here: then nothing says that it is the right one. */
	if (!m->spki.len)
		return err_set(em, ERR_INTEGRITY, "%s: no key in it that could be the pinned one", o->label);
	enum err e = spki_pin_digest(buf_bytes(&m->spki), digest, em);
	if (e == OK && !spki_pins_allow(o->pins, digest))
		e = err_set(em, ERR_INTEGRITY, "%s: the key in the KBS is another than the one that is pinned",
			    o->label);
	return e;
}

/* The key is the one that the configuration pins, and belongs to the public key or certificate that is in a file. */
static enum err check_pin(struct object *o, const struct material *m, struct errmsg *em)
{
	if ((!o->public_part && !o->pins) || atomic_load(&o->pinned) == m->serial)
		return OK;
	enum err e = check_digest(o, m, em);
	if (e != OK)
		return e;
	if (o->public_part && source_is_local(o->public_part) && o->content != o->public_part &&
	    o->class != CKO_CERTIFICATE) {
		AUTO(material) *expected = NULL;
		e = source_get(o->public_part, &expected, em);
		if (e != OK)
			return err_wrap(em, e, "the public part of %s", o->label);
		if (!expected->key || EVP_PKEY_eq(expected->key, m->key) != 1)
			return err_set(em, ERR_INTEGRITY, "%s: the key in the KBS does not belong to %s", o->label,
				       source_name(o->public_part));
	}
	atomic_store(&o->pinned, m->serial);
	return OK;
}

static enum err check_class(const struct object *o, const struct material *m, struct errmsg *em)
{
	bool fits = true;
	switch (o->class) {
	case CKO_PRIVATE_KEY:
		fits = m->private_key;
		break;
	case CKO_PUBLIC_KEY:
		fits = m->key != NULL;
		break;
	case CKO_CERTIFICATE:
		fits = m->certificate != NULL;
		break;
	case CKO_SECRET_KEY:
		fits = m->raw && !m->key && secret_len(m->raw) > 0;
		break;
	default:
		break;
	}
	if (!fits)
		return err_set(em, ERR_KEY, "%s is not a %s", source_name(o->content), entry_class_name(o->class));
	if (o->hint != CK_UNAVAILABLE_INFORMATION && m->key && m->key_type != o->hint)
		return err_set(em, ERR_KEY, "%s is not of the type that is configured", source_name(o->content));
	if (o->class == CKO_SECRET_KEY && o->hint == CKK_AES && secret_len(m->raw) != 16 && secret_len(m->raw) != 24 &&
	    secret_len(m->raw) != 32)
		return err_set(em, ERR_KEY, "%s is not an AES key: it has %zu bytes", source_name(o->content),
			       secret_len(m->raw));
	return OK;
}

/* Whether what was fetched is what the object says, and is pinned. */
static enum err check_content(struct object *o, const struct material *m, struct errmsg *em)
{
	enum err e = check_class(o, m, em);
	if (e == OK)
		e = check_pin(o, m, em);
	if (e == OK && o->chain > m->chain_len)
		e = err_set(em, ERR_NOT_FOUND, "the chain in %s has become shorter", source_name(o->content));
	return e;
}

enum err object_content(struct object *o, struct material **out, struct errmsg *em)
{
	if (o->own) {
		*out = material_ref(o->own);
		return OK;
	}
	if (!o->content)
		return err_set(em, ERR_NOT_FOUND, "%s has no contents", o->label);
	/* Key and public part are looked at one after the other; a renewal may have swapped both in between. */
	enum err e = ERR_INTEGRITY;
	for (int i = 0; e == ERR_INTEGRITY && i < 3; i++) {
		AUTO(material) *m = NULL;
		e = source_get(o->content, &m, em);
		if (e != OK)
			return e; /* which it has logged */
		e = check_content(o, m, em);
		if (e == OK)
			*out = o->chain ? material_ref(m->chain[o->chain - 1]) : steal(&m);
	}
	if (e == ERR_INTEGRITY || e == ERR_KEY)
		source_log_failure(o->content, (struct source_fault){ e, "parse" }, em);
	return e;
}

static enum err public_from(struct object *o, struct source *s, struct material **out, struct errmsg *em)
{
	AUTO(material) *m = NULL;
	enum err e = source_get(s, &m, em);
	if (e != OK)
		return e;
	if (!m->key)
		return err_set(em, ERR_KEY, "%s holds no public key", source_name(s));
	e = check_digest(o, m, em);
	if (e == OK)
		*out = steal(&m);
	return e;
}

enum err object_public(struct object *o, struct material **out, struct errmsg *em)
{
	if (o->public_part && source_is_local(o->public_part))
		return public_from(o, o->public_part, out, em);
	if (o->content && o->class != CKO_CERTIFICATE) {
		AUTO(material) *known = source_peek(o->content);
		if (known && known->key)
			return object_content(o, out, em);
	}
	/* A public key or certificate in the KBS shows the public half without releasing the key. A bad one never hides
	 * the key. */
	if (o->public_part && o->public_part != o->content && public_from(o, o->public_part, out, em) == OK)
		return OK;
	if (o->certificate && public_from(o, o->certificate, out, em) == OK)
		return OK;
	return object_content(o, out, em);
}

static struct material *known_certificate(struct object *o)
{
	AUTO(material) *m = content_known(o);
	if (!m || !o->chain)
		return steal(&m);
	return o->chain <= m->chain_len ? material_ref(m->chain[o->chain - 1]) : NULL;
}

static struct material *known_somewhere(struct object *o)
{
	struct errmsg ignored;
	struct material *m = NULL;
	if (o->public_part && source_is_local(o->public_part))
		return source_get(o->public_part, &m, &ignored) == OK ? m : NULL;
	m = content_known(o);
	if (!m && o->public_part)
		m = source_peek(o->public_part);
	if (!m && o->certificate)
		m = source_peek(o->certificate);
	return m;
}

struct material *object_public_known(struct object *o)
{
	struct errmsg ignored;
	if (o->own)
		return material_ref(o->own);
	AUTO(material) *m = o->class == CKO_CERTIFICATE ? known_certificate(o) : known_somewhere(o);
	return m && (o->chain || check_digest(o, m, &ignored) == OK) ? steal(&m) : NULL;
}
