#include "common/jwe.h"

#include "common/base64.h"
#include "common/concat_kdf.h"
#include "common/jwe_crypto.h"
#include "common/jwe_message.h"
#include "common/jwk.h"
#include "common/key_build.h"
#include "common/libctx.h"

#include <openssl/rand.h>

#define WRAPPED_MAX 2048 /* RSA of 16384 bits */

/* One recipient that this key may open. */
struct attempt {
	const struct jwe_key *key;
	const struct jwe_alg *alg;
	const struct jwe_enc *enc;
	EVP_PKEY *epk;
	struct buf wrapped, apu, apv;
	struct jwe_wrapped kek; /* of a symmetric key */
};

static void attempt_clear(struct attempt *a)
{
	EVP_PKEY_free(a->epk);
	buf_clear(&a->wrapped);
	buf_clear(&a->apu);
	buf_clear(&a->apv);
	jwe_wrapped_clear(&a->kek);
}
#define AUTO_ATTEMPT __attribute__((cleanup(attempt_clear))) struct attempt

static enum err take_party(const struct jwe_view *view, const char *name, struct buf *out, struct errmsg *em)
{
	if (!jwe_view_member(view, name))
		return OK;
	const char *text = NULL;
	enum err e = jwe_view_string(view, name, &text, em);
	if (e == OK)
		e = base64_decode(BASE64_URL, bytes_str(text), out, em);
	if (e == OK && out->len > 1024)
		e = err_set(em, ERR_LIMIT, "more than 1024 bytes");
	return e == OK ? OK : err_wrap(em, e, "JWE header member \"%s\"", name);
}

/* RFC 7518 4.6.1. *fits: the ephemeral key lies on our key's curve. */
static enum err take_agreement(const struct jwe_view *view, struct attempt *a, bool *fits, struct errmsg *em)
{
	json_object *epk = jwe_view_member(view, "epk");
	if (!json_object_is_type(epk, json_type_object))
		return err_set(em, ERR_PARSE, "JWE: header member \"epk\" is missing or no object");
	enum err e = jwk_to_public(epk, &a->epk, em);
	if (e == ERR_UNSUPPORTED)
		return OK;
	if (e != OK)
		return err_wrap(em, e == ERR_KEY ? ERR_PARSE : e, "JWE epk");
	const struct ec_curve *curve = ec_curve_of(a->epk);
	if (!curve || (a->key->crv && strcmp(a->key->crv, curve->crv) != 0))
		return OK;
	e = take_party(view, "apu", &a->apu, em);
	if (e == OK)
		e = take_party(view, "apv", &a->apv, em);
	*fits = e == OK;
	return e;
}

static enum err take_exactly(const struct jwe_view *view, const char *name, size_t len, struct buf *out,
			     struct errmsg *em)
{
	const char *text = NULL;
	enum err e = jwe_view_string(view, name, &text, em);
	if (e == OK)
		e = base64_decode(BASE64_URL, bytes_str(text), out, em);
	if (e == OK && out->len != len)
		e = err_set(em, ERR_PARSE, "%zu bytes instead of %zu", out->len, len);
	return e == OK ? OK : err_wrap(em, e, "JWE header member \"%s\"", name);
}

/* RFC 7518 4.4; 4.7.1.1 and 4.7.1.2. */
static enum err take_symmetric(const struct jwe_view *view, struct attempt *a, bool *fits, struct errmsg *em)
{
	enum err e = buf_append(&a->kek.key, buf_bytes(&a->wrapped), 0, em);
	a->kek.alg = a->alg->name;
	if (e == OK && !a->alg->wrap)
		e = take_exactly(view, "iv", JWE_IV, &a->kek.iv, em);
	if (e == OK && !a->alg->wrap)
		e = take_exactly(view, "tag", JWE_TAG, &a->kek.tag, em);
	*fits = e == OK;
	return e;
}

/* Reads what the recipient's header says. *fits = false: for another key. */
static enum err attempt_prepare(const struct jwe_view *view, struct attempt *a, bool *fits, struct errmsg *em)
{
	const char *alg = NULL;
	const char *enc = NULL;
	enum err e = jwe_view_string(view, "alg", &alg, em);
	if (e == OK)
		e = jwe_view_string(view, "enc", &enc, em);
	if (e != OK)
		return e;
	a->alg = jwe_alg_find(alg);
	a->enc = jwe_enc_find(enc);
	if (!a->alg)
		return err_set(em, ERR_UNSUPPORTED, "JWE: key management \"%.32s\" is not supported", alg);
	if (!a->enc)
		return err_set(em, ERR_UNSUPPORTED, "JWE: content encryption \"%.32s\" is not supported", enc);
	if (strcmp(a->alg->kty, a->key->kty) != 0)
		return OK;
	e = base64_decode(BASE64_URL, view->encrypted_key, &a->wrapped, em);
	if (e == OK && a->wrapped.len > WRAPPED_MAX)
		e = err_set(em, ERR_LIMIT, "more than %d bytes", WRAPPED_MAX);
	if (e != OK)
		return err_wrap(em, e, "JWE encrypted_key");
	if (a->alg->hash)
		*fits = true;
	else if (a->key->kek_unwrap)
		e = take_symmetric(view, a, fits, em);
	else
		e = take_agreement(view, a, fits, em);
	return e;
}

static enum err agree(const struct attempt *a, struct secret **cek, struct errmsg *em)
{
	AUTO(secret) *z = NULL;
	AUTO(secret) *kek = NULL;
	enum err e = a->key->ecdh(a->key->ctx, a->epk, &z, em);
	if (e != OK)
		return e;
	bool direct = jwe_alg_is_direct(a->alg);
	if (direct && a->wrapped.len)
		return err_set(em, ERR_INTEGRITY, "JWE: an encrypted key where there must be none");
	struct concat_kdf kdf = { direct ? a->enc->name : a->alg->name, buf_bytes(&a->apu), buf_bytes(&a->apv),
				  direct ? a->enc->key_len : a->alg->kek_len };
	e = concat_kdf_derive(&kdf, z, direct ? cek : &kek, em);
	return e != OK || direct ? e : jwe_key_unwrap(a->alg, kek, buf_bytes(&a->wrapped), cek, em);
}

/* RFC 7516 11.5: where the encrypted key does not open, a random one goes on in its place, so that neither time nor
 * error says which of the two steps failed. */
static enum err content_key(const struct attempt *a, struct secret **cek, struct errmsg *em)
{
	AUTO(secret) *key = NULL;
	AUTO(secret) *random = NULL;
	enum err e = secret_new(a->enc->key_len, &random, em);
	if (e != OK)
		return e;
	if (RAND_priv_bytes_ex(libctx(), secret_data(random), secret_len(random), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random bytes");
	if (a->alg->hash)
		e = a->key->oaep_decrypt(a->key->ctx, a->alg->hash, buf_bytes(&a->wrapped), &key, em);
	else if (a->key->kek_unwrap)
		e = a->key->kek_unwrap(a->key->ctx, &a->kek, &key, em);
	else
		e = agree(a, &key, em);
	if (e != OK && e != ERR_INTEGRITY && e != ERR_CRYPTO)
		return e;
	bool good = e == OK && secret_len(key) == a->enc->key_len;
	*cek = good ? steal(&key) : steal(&random);
	return OK;
}

static enum err attempt_open(const struct attempt *a, const struct jwe_message *m, struct secret **out,
			     struct errmsg *em)
{
	AUTO(secret) *cek = NULL;
	enum err e = content_key(a, &cek, em);
	if (e != OK)
		return e;
	struct jwe_box box = { a->enc, cek, buf_bytes(&m->iv), buf_bytes(&m->aad) };
	return jwe_box_open(&box, buf_bytes(&m->ciphertext), buf_bytes(&m->tag), out, em);
}

/* ERR_NOT_FOUND: for another key; ERR_INTEGRITY: does not open. */
static enum err recipient_open(const struct jwe_message *m, size_t index, const struct jwe_key *key,
			       struct secret **out, struct errmsg *em)
{
	struct jwe_view view;
	AUTO_ATTEMPT attempt = { .key = key };
	bool fits = false;
	enum err e = jwe_message_view(m, index, &view, em);
	if (e == OK)
		e = attempt_prepare(&view, &attempt, &fits, em);
	if (e != OK)
		return e;
	if (!fits)
		return ERR_NOT_FOUND;
	/* RFC 7516 11.1, 5.2 step 4: the agreed key cannot be shared by several. */
	if (jwe_alg_is_direct(attempt.alg) && jwe_message_recipients(m) > 1)
		return err_set(em, ERR_PARSE, "JWE: ECDH-ES allows one recipient only");
	return attempt_open(&attempt, m, out, em);
}

enum err jwe_decrypt(struct bytes text, size_t max, const struct jwe_key *key, struct secret **out, struct errmsg *em)
{
	*out = NULL;
	AUTO(jwe_message) *m = NULL;
	enum err e = jwe_message_parse(text, max, &m, em);
	if (e != OK)
		return e;
	bool tried = false;
	bool unsupported = false;
	for (size_t i = 0; i < jwe_message_recipients(m); i++) {
		e = recipient_open(m, i, key, out, em);
		if (e != ERR_INTEGRITY && e != ERR_NOT_FOUND && e != ERR_UNSUPPORTED)
			return e;
		tried |= e == ERR_INTEGRITY;
		unsupported |= e == ERR_UNSUPPORTED;
	}
	if (tried)
		return err_set(em, ERR_INTEGRITY, "JWE: not encrypted for this key, or altered");
	if (unsupported)
		return e == ERR_UNSUPPORTED ? e : err_set(em, ERR_UNSUPPORTED, "JWE: no recipient that is supported");
	return err_set(em, ERR_KEY, "JWE: no recipient with a key of this kind (%s%s%s)", key->kty, key->crv ? " " : "",
		       key->crv ? key->crv : "");
}
