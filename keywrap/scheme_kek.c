#include "common/jwe_crypto.h"
#include "common/libctx.h"
#include "keywrap/scheme.h"
#include "keywrap/token_kek.h"
#include "keywrap/token_key.h"

#include <openssl/rand.h>

/* An extension that peers do not know and pass over: a JWE (RFC 7516) whose content key an AES-256 key of a token
 * wraps, with A256KW or A256GCMKW (RFC 7518 4.4, 4.7). It stands in an annotation of its own. */

#define RECIPIENTS_MAX 128
#define KID_MAX 128

/* A recipient: an AES key in a token. */
struct kek_recipient {
	struct token_pool *pool;
	struct token_ref *ref;
	char kid[KID_MAX + 1]; /* the key's label; "" where it cannot be written */
};

void kek_recipient_free(struct kek_recipient *recipient)
{
	if (!recipient)
		return;
	token_ref_free(recipient->ref);
	free(recipient);
}

static void kid_take(struct kek_recipient *recipient)
{
	CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(recipient->ref->uri, CKA_LABEL);
	if (!label || label->ulValueLen > KID_MAX)
		return;
	const uint8_t *text = label->pValue;
	for (size_t i = 0; i < label->ulValueLen; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return;
	memcpy(recipient->kid, text, label->ulValueLen);
}

/* A key whose mechanisms or permissions do not suffice may do with the other one. */
static bool other_may_do(enum err e)
{
	return e == ERR_KEY || e == ERR_UNSUPPORTED || e == ERR_PROTO;
}

static enum err wrap_kw(struct kek_recipient *to, const struct secret *cek, struct jwe_wrapped *out, struct errmsg *em)
{
	AUTO(secret) *wrapped = NULL;
	const struct kek_work work = { .encrypt = true, .cipher = KEK_WRAP, .input = secret_bytes(cek) };
	enum err e = token_kek_do(to->pool, to->ref, &work, &wrapped, em);
	out->alg = "A256KW";
	return e == OK ? buf_append(&out->key, secret_bytes(wrapped), 0, em) : e;
}

static enum err wrap_gcm(struct kek_recipient *to, const struct secret *cek, struct jwe_wrapped *out, struct errmsg *em)
{
	AUTO(secret) *wrapped = NULL;
	uint8_t iv[JWE_IV];
	const struct kek_work work = { .encrypt = true, .cipher = KEK_GCM, .iv = iv, .input = secret_bytes(cek) };
	if (RAND_bytes_ex(libctx(), iv, sizeof(iv), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random bytes");
	enum err e = token_kek_do(to->pool, to->ref, &work, &wrapped, em);
	if (e != OK)
		return e;
	struct bytes whole = secret_bytes(wrapped);
	struct bytes key = { whole.data, whole.len - JWE_TAG };
	out->alg = "A256GCMKW";
	e = buf_append(&out->iv, BYTES(iv), 0, em);
	if (e == OK)
		e = buf_append(&out->key, key, 0, em);
	return e == OK ? buf_append(&out->tag, (struct bytes){ key.data + key.len, JWE_TAG }, 0, em) : e;
}

static enum err kek_wrap(void *kek, const struct secret *cek, struct jwe_wrapped *out, struct errmsg *em)
{
	struct kek_recipient *to = kek;
	struct errmsg why = { "" };
	enum err e = wrap_kw(to, cek, out, em);
	if (e == OK || !other_may_do(e))
		return e;
	enum err second = wrap_gcm(to, cek, out, &why);
	if (second == OK || strcmp(why.text, em->text) == 0)
		return second;
	return err_set(em, e, "AES-KEY-WRAP: %.400s; AES-GCM: %.400s", em->text, why.text);
}

enum err kek_recipient_new(struct token_pool *pool, struct token_ref *ref, struct kek_recipient **out,
			   struct errmsg *em)
{
	AUTO(secret) *trial = NULL;
	AUTO_JWE_WRAPPED wrapped = { .alg = NULL };
	AUTO(kek_recipient) *recipient = calloc(1, sizeof(*recipient));
	if (!recipient) {
		token_ref_free(ref);
		return err_nomem(em, "a key");
	}
	recipient->pool = pool;
	recipient->ref = ref;
	kid_take(recipient);
	/* Whoever names a key that does not do learns it now. */
	enum err e = secret_new(KEK_LEN, &trial, em);
	if (e == OK)
		e = kek_wrap(recipient, trial, &wrapped, em);
	if (e == OK)
		*out = steal(&recipient);
	return e;
}

static enum err kek_fits(EVP_PKEY *public_key, struct errmsg *em)
{
	(void)public_key;
	return err_set(em, ERR_UNSUPPORTED, "a recipient of the kek scheme is an AES key in a token");
}

static enum err kek_wrap_all(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em)
{
	struct jwe_recipient recipients[RECIPIENTS_MAX] = { { 0 } };
	AUTO_STR
	char *json = NULL;
	if (to.count > RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_MAX);
	for (size_t i = 0; i < to.count; i++) {
		struct kek_recipient *kek = to.keys[i]->kek;
		recipients[i] = (struct jwe_recipient){ .kek_wrap = kek_wrap, .kek = kek };
		recipients[i].kid = kek->kid[0] ? kek->kid : NULL;
	}
	enum err e = jwe_encrypt(recipients, to.count, plain, &json, em);
	return e == OK ? buf_append(element, bytes_str(json), 0, em) : e;
}

static enum err kek_unwrap(void *ctx, const struct jwe_wrapped *wrapped, struct secret **cek, struct errmsg *em)
{
	AUTO_BUF
	input = { 0 };
	bool gcm = strcmp(wrapped->alg, "A256GCMKW") == 0;
	enum err e = buf_append(&input, buf_bytes(&wrapped->key), 0, em);
	if (e == OK && gcm)
		e = buf_append(&input, buf_bytes(&wrapped->tag), 0, em);
	if (e != OK)
		return e;
	const struct kek_work work = {
		.cipher = gcm ? KEK_GCM : KEK_WRAP,
		.iv = wrapped->iv.data,
		.input = buf_bytes(&input),
	};
	if (kek_work_check(&work, em) != OK)
		return ERR_INTEGRITY;
	return token_key_kek(ctx, &work, cek, em);
}

static enum err kek_unwrap_one(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	struct jwe_key ops = { .ctx = key->token, .kty = "oct", .kek_unwrap = kek_unwrap };
	if (key->given)
		ops = *key->given;
	else if (!key->token)
		return err_set(em, ERR_KEY, "no AES key of a token");
	return jwe_decrypt(element, WRAP_ELEMENT_MAX, &ops, plain, em);
}

const struct wrap_scheme scheme_kek = {
	.name = "kek",
	.annotation = ANNOTATION_KEYS "kek",
	.fits = kek_fits,
	.wrap = kek_wrap_all,
	.unwrap = kek_unwrap_one,
	.kind = &element_jwe,
};
