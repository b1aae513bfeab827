#include "image/evidence.h"

#include "common/base64.h"
#include "image/lookaside.h"
#include "image/signature_cosign.h"
#include "image/signature_payload.h"

#include <stdio.h>

/* Public keys of a requirement. */
struct key_set {
	EVP_PKEY **keys;
	size_t count;
};

static void key_set_clear(struct key_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		EVP_PKEY_free(set->keys[i]);
	free(set->keys);
}

static enum err keys_read(const struct policy_keys *from, const struct image_access *access, struct key_set *out,
			  struct errmsg *em)
{
	out->keys = calloc(from->count ? from->count : 1, sizeof(EVP_PKEY *));
	enum err e = out->keys ? OK : err_set(em, ERR_NOMEM, "no memory for keys");
	for (size_t i = 0; e == OK && i < from->count; i++) {
		AUTO_BUF
		text = { 0 };
		e = policy_key_read(from, i, access, &text, em);
		if (e == OK)
			e = key_public_parse(buf_bytes(&text), &out->keys[i], em);
		if (e != OK)
			return err_wrap(em, e, "%s", policy_key_name(from, i));
		out->count++;
	}
	return e;
}

/* From the stored signatures, and from where cosign puts them. */
static enum err cosign_gather(struct evidence *ev, struct errmsg *em)
{
	AUTO(cosign_list) *list = NULL;
	bool attachments = true;
	if (ev->cosign)
		return OK;
	enum err e = evidence_stored(ev, em);
	list = calloc(1, sizeof(*list));
	if (e == OK && !list)
		e = err_set(em, ERR_NOMEM, "no memory for signatures");
	for (size_t i = 0; e == OK && i < ev->stored.count; i++)
		if (is_sigstore_json(buf_bytes(&ev->stored.items[i])))
			e = cosign_stored_add(list, buf_bytes(&ev->stored.items[i]), em);
	if (e == OK && strcmp(ev->source->identity.transport, "docker") == 0)
		e = lookaside_attachments(&ev->source->identity, ev->access, &attachments, em);
	if (e == OK && attachments)
		e = cosign_sibling_add(list, ev->source, ev->raw->digest, em);
	if (e == OK)
		ev->cosign = steal(&list);
	return e;
}

struct keys {
	struct key_set signers;
	struct key_set logs;
};

static void keys_clear(struct keys *k)
{
	key_set_clear(&k->signers);
	key_set_clear(&k->logs);
}

/* Which key made it. */
static enum err signer_find(const struct cosign_signature *s, const struct key_set *signers, size_t *which,
			    struct errmsg *em)
{
	AUTO_BUF
	signature = { 0 };
	if (strcmp(s->media_type, MEDIA_SIMPLESIGNING) != 0)
		return err_set(em, ERR_DENIED, "it is not of the type " MEDIA_SIMPLESIGNING);
	if (!s->signature[0])
		return err_set(em, ERR_DENIED, "it carries no signature");
	enum err e = base64_decode(BASE64_STD, bytes_str(s->signature), &signature, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "its signature");
	for (size_t i = 0; i < signers->count; i++) {
		*which = i;
		if (cosign_verify(signers->keys[i], buf_bytes(&s->payload), buf_bytes(&signature), em) == OK)
			return OK;
	}
	return err_set(em, ERR_DENIED, "no key of the policy made it");
}

static enum err one_judge(const struct evidence *ev, const struct requirement *r, const struct keys *keys,
			  const struct cosign_signature *s, struct held_by *by, struct errmsg *em)
{
	size_t which = 0;
	enum err e = signer_find(s, &keys->signers, &which, em);
	if (e == OK && r->rekor.count > 0)
		e = rekor_verify(s, keys->signers.keys[which], keys->logs.keys, keys->logs.count, em);
	if (e == OK)
		e = payload_judge(ev, &r->identity, buf_bytes(&s->payload), PAYLOAD_COSIGN, em);
	if (e == OK)
		snprintf(by->text, sizeof(by->text), "key %zu, %.400s%s", which + 1,
			 policy_key_name(&r->keys, which < r->keys.count ? which : 0),
			 r->rekor.count > 0 ? ", and in the transparency log" : "");
	return e;
}

static enum err all_judge(const struct evidence *ev, const struct requirement *r, const struct keys *keys,
			  struct held_by *by, struct errmsg *em)
{
	struct errmsg why = { "" };
	for (size_t i = 0; i < ev->cosign->count; i++) {
		struct errmsg one = { "" };
		enum err e = one_judge(ev, r, keys, &ev->cosign->items[i], by, &one);
		if (e != ERR_DENIED)
			return e == OK ? OK : err_set(em, e, "%s", one.text);
		size_t used = strlen(why.text);
		snprintf(why.text + used, sizeof(why.text) - used, "%ssignature %zu: %.300s", i ? "; " : "", i + 1,
			 one.text);
	}
	if (ev->cosign->count == 0)
		return err_set(em, ERR_DENIED, "the image has no sigstore signature");
	return err_set(em, ERR_DENIED, "%s", why.text);
}

enum err judge_sigstore(struct evidence *ev, const struct requirement *r, struct held_by *by, struct errmsg *em)
{
	struct keys keys = { 0 };
	if (r->certificates)
		return err_set(em, ERR_UNSUPPORTED,
			       "\"%s\", certificates instead of keys, is not supported: nothing passes it",
			       r->certificates);
	enum err e = keys_read(&r->keys, ev->access, &keys.signers, em);
	if (e == OK)
		e = keys_read(&r->rekor, ev->access, &keys.logs, em);
	if (e == OK)
		e = cosign_gather(ev, em);
	if (e == OK)
		e = all_judge(ev, r, &keys, by, em);
	keys_clear(&keys);
	return e;
}
