#include "image/evidence.h"

#include "image/signature_payload.h"
#include "image/signature_simple.h"

#include <stdio.h>

static void rings_clear(struct buf *texts, struct simple_ring *rings, size_t count)
{
	for (size_t i = 0; texts && i < count; i++)
		buf_clear(&texts[i]);
	free(texts);
	free(rings);
}

static enum err keys_open(const struct evidence *ev, const struct policy_keys *keys, struct simple_keys **out,
			  struct errmsg *em)
{
	struct buf *texts = calloc(keys->count, sizeof(*texts));
	struct simple_ring *rings = calloc(keys->count, sizeof(*rings));
	enum err e = texts && rings ? OK : err_nomem(em, "keys");
	for (size_t i = 0; e == OK && i < keys->count; i++) {
		e = policy_key_read(keys, i, ev->access, &texts[i], em);
		rings[i] = (struct simple_ring){ buf_bytes(&texts[i]), policy_key_name(keys, i) };
	}
	if (e == OK)
		e = simple_keys_new(rings, keys->count, out, em);
	rings_clear(texts, rings, keys->count);
	return e;
}

static enum err one_judge(const struct evidence *ev, const struct requirement *r, const struct simple_keys *keys,
			  struct bytes signature, struct held_by *by, struct errmsg *em)
{
	struct simple_result result = { 0 };
	enum err e = simple_keys_verify(keys, signature, &result, em);
	if (e == OK) {
		e = payload_judge(ev, &r->identity, buf_bytes(&result.payload), PAYLOAD_SIMPLE, em);
		if (e != OK)
			e = err_wrap(em, e, "key %s", result.signer);
	}
	if (e == OK)
		snprintf(by->text, sizeof(by->text), "OpenPGP key %s", result.signer);
	buf_clear(&result.payload);
	return e;
}

enum err judge_signed_by(struct evidence *ev, const struct requirement *r, struct held_by *by, struct errmsg *em)
{
	AUTO(simple_keys) *keys = NULL;
	struct errmsg why = { "" };
	size_t seen = 0;
	enum err e = evidence_stored(ev, em);
	if (e == OK)
		e = keys_open(ev, &r->keys, &keys, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < ev->stored.count; i++) {
		struct errmsg one = { "" };
		struct bytes signature = buf_bytes(&ev->stored.items[i]);
		if (is_sigstore_json(signature))
			continue;
		e = one_judge(ev, r, keys, signature, by, &one);
		if (e != ERR_DENIED) /* it holds; or nothing can be said about any */
			return e == OK ? OK : err_set(em, e, "%s", one.text);
		size_t used = strlen(why.text);
		snprintf(why.text + used, sizeof(why.text) - used, "%ssignature %zu: %.300s", seen ? "; " : "", i + 1,
			 one.text);
		seen++;
	}
	if (seen == 0)
		return err_set(em, ERR_DENIED, "the image has no OpenPGP signature");
	return err_set(em, ERR_DENIED, "%s", why.text);
}
