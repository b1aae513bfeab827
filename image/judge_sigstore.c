#include "image/evidence.h"

#include "common/base64.h"
#include "image/lookaside.h"
#include "image/signature_certificate.h"
#include "image/signature_cosign.h"
#include "image/signature_payload.h"

#include <stdio.h>
#include <time.h>

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
	enum err e = out->keys ? OK : err_nomem(em, "keys");
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

static enum err certificates_read(const struct policy_keys *from, const struct image_access *access,
				  STACK_OF(X509) * *out, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	if (from->count == 0)
		return OK;
	enum err e = policy_key_read(from, 0, access, &text, em);
	if (e == OK)
		e = certificates_parse(buf_bytes(&text), out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", policy_key_name(from, 0));
}

enum err evidence_beside(const struct evidence *ev, struct cosign_list *list, struct errmsg *em)
{
	bool attachments = true;
	enum err e = OK;
	if (strcmp(ev->source->identity.transport, "docker") == 0)
		e = lookaside_attachments(&ev->source->identity, ev->access, &attachments, em);
	if (e == OK && attachments)
		e = cosign_sibling_add(list, ev->source, ev->raw->digest, em);
	if (e == OK && attachments)
		e = cosign_referrers_add(list, ev->source, ev->raw->digest, em);
	return e;
}

/* From the stored signatures, and from where cosign puts them. */
static enum err cosign_gather(struct evidence *ev, struct errmsg *em)
{
	AUTO(cosign_list) *list = NULL;
	if (ev->cosign)
		return OK;
	enum err e = evidence_stored(ev, em);
	list = calloc(1, sizeof(*list));
	if (e == OK && !list)
		e = err_nomem(em, "signatures");
	for (size_t i = 0; e == OK && i < ev->stored.count; i++)
		if (is_sigstore_json(buf_bytes(&ev->stored.items[i])))
			e = cosign_stored_add(list, buf_bytes(&ev->stored.items[i]), em);
	if (e == OK)
		e = evidence_beside(ev, list, em);
	if (e == OK)
		ev->cosign = steal(&list);
	return e;
}

/* One requirement, with all that it trusts. */
struct judging {
	const struct evidence *ev;
	const struct requirement *r;
	struct key_set signers;
	struct key_set logs;
	STACK_OF(X509) * roots;
	STACK_OF(X509) * intermediates;
};

static enum err judging_begin(struct judging *j, struct errmsg *em)
{
	const struct image_access *access = j->ev->access;
	enum err e = keys_read(&j->r->keys, access, &j->signers, em);
	if (e == OK)
		e = keys_read(&j->r->rekor, access, &j->logs, em);
	if (e == OK)
		e = certificates_read(&j->r->certificate.roots, access, &j->roots, em);
	return e == OK ? certificates_read(&j->r->certificate.intermediates, access, &j->intermediates, em) : e;
}

static void judging_end(struct judging *j)
{
	key_set_clear(&j->signers);
	key_set_clear(&j->logs);
	certificates_free(j->roots);
	certificates_free(j->intermediates);
}

static struct bytes message_of(const struct judging *j, const struct cosign_signature *s)
{
	if (s->form == SIGSTORE_MANIFEST)
		return buf_bytes(&j->ev->raw->bytes);
	return buf_bytes(s->form == SIGSTORE_STATEMENT ? &s->message : &s->payload);
}

/* Which of the keys made it. */
static enum err signer_find(const struct judging *j, const struct cosign_signature *s, const struct key_set *signers,
			    size_t *which, struct errmsg *em)
{
	AUTO_BUF
	signature = { 0 };
	enum err e = base64_decode(BASE64_STD, bytes_str(s->signature), &signature, em);
	if (e != OK)
		return e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "its signature");
	for (size_t i = 0; i < signers->count; i++) {
		*which = i;
		if (cosign_verify(signers->keys[i], message_of(j, s), buf_bytes(&signature), NULL) == OK)
			return OK;
	}
	return err_set(em, ERR_DENIED, "no key of the policy made it");
}

static enum err by_key(const struct judging *j, const struct cosign_signature *s, struct held_by *by, struct errmsg *em)
{
	size_t which = 0;
	int64_t when = 0;
	enum err e = signer_find(j, s, &j->signers, &which, em);
	if (e == OK && j->logs.count > 0)
		e = rekor_verify(&(struct rekor_claim){ s, message_of(j, s), j->signers.keys[which], NULL }, &j->logs,
				 &when, em);
	if (e == OK)
		snprintf(by->text, sizeof(by->text), "key %zu, %.400s%s", which + 1,
			 policy_key_name(&j->r->keys, which), j->logs.count > 0 ? ", and in the transparency log" : "");
	return e;
}

/* Fulcio's certificates live for minutes: it is the log that says when the signature was made. */
static enum err certificate_time(const struct judging *j, const struct rekor_claim *claim, int64_t *out,
				 struct errmsg *em)
{
	if (!j->r->certificate.fulcio) {
		*out = (int64_t)time(NULL);
		return OK;
	}
	enum err e = rekor_verify(claim, &j->logs, out, em);
	if (e == OK && *out == 0)
		e = err_set(em, ERR_DENIED, "no signed entry timestamp says when it was made");
	return e;
}

static enum err certificate_judge(const struct judging *j, const struct cosign_signature *s, X509 *leaf,
				  STACK_OF(X509) * chain, struct errmsg *em)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	const struct key_set signer = { &key, key ? 1 : 0 };
	struct certificate_question q = { leaf, chain, j->roots, j->intermediates, 0 };
	size_t which = 0;
	enum err e = signer_find(j, s, &signer, &which, em);
	if (e == OK)
		e = certificate_time(j, &(struct rekor_claim){ s, message_of(j, s), key, leaf }, &q.at, em);
	return e == OK ? certificate_check(&j->r->certificate, &q, em) : e;
}

static enum err by_certificate(const struct judging *j, const struct cosign_signature *s, struct held_by *by,
			       struct errmsg *em)
{
	const struct certificate_rule *rule = &j->r->certificate;
	STACK_OF(X509) *leaf = NULL;
	STACK_OF(X509) *chain = NULL;
	if (s->certificate.len == 0)
		return err_set(em, ERR_DENIED, "it carries no certificate");
	enum err e = certificates_parse(buf_bytes(&s->certificate), &leaf, em);
	if (e == OK && sk_X509_num(leaf) != 1)
		e = err_set(em, ERR_DENIED, "it carries %d certificates where one is wanted", sk_X509_num(leaf));
	if (e == OK && s->chain.len > 0)
		e = certificates_parse(buf_bytes(&s->chain), &chain, em);
	if (e == OK)
		e = certificate_judge(j, s, sk_X509_value(leaf, 0), chain, em);
	else if (e != ERR_NOMEM)
		e = err_wrap(em, ERR_DENIED, "its certificate");
	if (e == OK)
		snprintf(by->text, sizeof(by->text), "the certificate of %.200s%s",
			 rule->email ? rule->email : rule->hostname,
			 rule->fulcio ? ", by Fulcio, and in the transparency log" : "");
	certificates_free(leaf);
	certificates_free(chain);
	return e;
}

static enum err one_judge(const struct judging *j, const struct cosign_signature *s, struct held_by *by,
			  struct errmsg *em)
{
	if (s->fault[0])
		return err_set(em, ERR_DENIED, "%s", s->fault);
	if (!s->signature || !s->signature[0])
		return err_set(em, ERR_DENIED, "it carries no signature");
	enum err e = j->roots ? by_certificate(j, s, by, em) : by_key(j, s, by, em);
	if (e != OK)
		return e;
	size_t used = strlen(by->text);
	if (s->form != SIGSTORE_PAYLOAD)
		snprintf(by->text + used, sizeof(by->text) - used, ", in a sigstore bundle");
	switch (s->form) {
	case SIGSTORE_PAYLOAD:
		return payload_judge(j->ev, &j->r->identity, buf_bytes(&s->payload), PAYLOAD_COSIGN, em);
	case SIGSTORE_STATEMENT:
		return statement_judge(j->ev, &j->r->identity, buf_bytes(&s->payload), em);
	case SIGSTORE_MANIFEST:
		return nameless_judge(j->ev, em);
	}
	return err_set(em, ERR_INTERNAL, "a signature of no form");
}

static enum err all_judge(const struct judging *j, struct held_by *by, struct errmsg *em)
{
	const struct cosign_list *list = j->ev->cosign;
	struct errmsg why = { "" };
	for (size_t i = 0; i < list->count; i++) {
		struct errmsg one = { "" };
		enum err e = one_judge(j, &list->items[i], by, &one);
		if (e != ERR_DENIED)
			return e == OK ? OK : err_set(em, e, "%s", one.text);
		size_t used = strlen(why.text);
		snprintf(why.text + used, sizeof(why.text) - used, "%ssignature %zu: %.300s", i ? "; " : "", i + 1,
			 one.text);
	}
	if (list->count == 0)
		return err_set(em, ERR_DENIED, "the image has no sigstore signature");
	return err_set(em, ERR_DENIED, "%s", why.text);
}

enum err judge_sigstore(struct evidence *ev, const struct requirement *r, struct held_by *by, struct errmsg *em)
{
	struct judging j = { .ev = ev, .r = r };
	enum err e = judging_begin(&j, em);
	if (e == OK)
		e = cosign_gather(ev, em);
	if (e == OK)
		e = all_judge(&j, by, em);
	judging_end(&j);
	return e;
}
