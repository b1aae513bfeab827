#include "common/jwe.h"

#include "common/base64.h"
#include "common/concat_kdf.h"
#include "common/jwe_crypto.h"
#include "common/jwe_message.h"
#include "common/jwk.h"
#include "common/key_build.h"
#include "common/libctx.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

/* The content key and its way to one recipient. */
struct sealing {
	const struct jwe_recipient *recipient;
	const struct jwe_alg *alg;
	const struct jwe_enc *enc;
	json_object *header; /* gets "alg", "epk", "iv", "kid", "tag": sorted, as go-jose and the KBS's clients do */
	struct jwe_wrapped wrapped; /* by a symmetric key */
};

static enum err no_memory(struct errmsg *em)
{
	return err_nomem(em, "a JWE");
}

static enum err put(json_object *object, const char *name, json_object *value, struct errmsg *em)
{
	return json_add(object, name, value) ? OK : no_memory(em);
}

static enum err put_bytes(json_object *object, const char *name, struct bytes value, struct errmsg *em)
{
	AUTO_STR
	char *text = base64_encode(BASE64_URL, value);
	return put(object, name, text ? json_object_new_string(text) : NULL, em);
}

/* RFC 7518 4.3. */
static enum err seal_oaep(const struct sealing *s, const struct secret *cek, struct buf *out, struct errmsg *em)
{
	struct bytes from = secret_bytes(cek);
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), s->recipient->key, NULL);
	size_t len = 0;
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, s->alg->hash, NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, s->alg->hash, NULL) != 1 ||
	    EVP_PKEY_encrypt(ctx, NULL, &len, from.data, from.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "OAEP");
	enum err e = buf_reserve(out, len, em);
	if (e != OK)
		return e;
	if (EVP_PKEY_encrypt(ctx, out->data, &len, from.data, from.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "OAEP");
	out->len = len;
	return OK;
}

/* The ephemeral public key with its members sorted: crv, kty, x, y. */
static enum err put_epk(const struct sealing *s, EVP_PKEY *ephemeral, struct errmsg *em)
{
	static const char *const order[] = { "crv", "kty", "x", "y" };
	AUTO_OF(json_object) *jwk = NULL;
	enum err e = jwk_from_public(ephemeral, NULL, &jwk, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *epk = json_object_new_object();
	if (!epk)
		return no_memory(em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(order); i++)
		e = put(epk, order[i], json_object_get(json_object_object_get(jwk, order[i])), em);
	return e == OK ? put(s->header, "epk", steal(&epk), em) : e;
}

/* Not EVP_PKEY_Q_keygen(), which asks the application's default ENGINE: see libctx.h. */
static enum err ephemeral_new(const struct ec_curve *curve, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(libctx(), LIBCTX_EC, NULL);
	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_group_name(ctx, curve->group) != 1 ||
	    EVP_PKEY_generate(ctx, out) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot make an EC key");
	return OK;
}

/* An ephemeral key agrees with the recipient's: Z. RFC 7518 4.6. */
static enum err agree(const struct sealing *s, struct secret **z, struct errmsg *em)
{
	const struct ec_curve *curve = ec_curve_of(s->recipient->key);
	if (!curve)
		return err_set(em, ERR_KEY, "JWE: EC key on another curve than P-256, P-384, P-521");
	AUTO_OF(EVP_PKEY) *ephemeral = NULL;
	struct jwe_key key;
	enum err e = ephemeral_new(curve, &ephemeral, em);
	if (e == OK)
		e = put_epk(s, ephemeral, em);
	if (e == OK)
		e = jwe_key_from_pkey(ephemeral, &key, em);
	return e == OK ? key.ecdh(key.ctx, s->recipient->key, z, em) : e;
}

/* For plain ECDH-ES the agreed key becomes the content key. */
static enum err seal_agreed(const struct sealing *s, struct secret **cek, struct buf *out, struct errmsg *em)
{
	AUTO(secret) *z = NULL;
	AUTO(secret) *kek = NULL;
	enum err e = agree(s, &z, em);
	if (e != OK)
		return e;
	struct concat_kdf kdf = { .algorithm = s->alg->wrap ? s->alg->name : s->enc->name,
				  .len = s->alg->wrap ? s->alg->kek_len : s->enc->key_len };
	e = concat_kdf_derive(&kdf, z, &kek, em);
	if (e != OK)
		return e;
	if (s->alg->wrap)
		return jwe_key_wrap(s->alg, kek, *cek, out, em);
	secret_free(*cek);
	*cek = steal(&kek);
	return OK;
}

/* Fills the header and the encrypted key of one recipient. */
static enum err seal_key(struct sealing *s, struct secret **cek, struct buf *out, struct errmsg *em)
{
	enum err e = OK;
	if (s->recipient->kek_wrap)
		e = buf_append(out, buf_bytes(&s->wrapped.key), 0, em);
	else
		e = s->alg->hash ? seal_oaep(s, *cek, out, em) : seal_agreed(s, cek, out, em);
	if (e == OK && s->wrapped.iv.len)
		e = put_bytes(s->header, "iv", buf_bytes(&s->wrapped.iv), em);
	if (e == OK && s->recipient->kid)
		e = put(s->header, "kid", json_object_new_string(s->recipient->kid), em);
	if (e == OK && s->wrapped.tag.len)
		e = put_bytes(s->header, "tag", buf_bytes(&s->wrapped.tag), em);
	return e;
}

/* What wraps says with which algorithm. */
static enum err wrap_symmetric(struct sealing *s, const struct secret *cek, struct errmsg *em)
{
	enum err e = s->recipient->kek_wrap(s->recipient->kek, cek, &s->wrapped, em);
	if (e != OK)
		return e;
	s->alg = jwe_alg_find(s->wrapped.alg);
	return s->alg ? OK : err_set(em, ERR_INTERNAL, "JWE: key management \"%.32s\"", s->wrapped.alg);
}

static enum err alg_choose(const struct jwe_recipient *r, size_t count, const struct jwe_alg **out, struct errmsg *em)
{
	bool rsa = EVP_PKEY_is_a(r->key, "RSA");
	if (!rsa && !EVP_PKEY_is_a(r->key, "EC"))
		return err_set(em, ERR_KEY, "JWE: a key that is neither RSA nor EC");
	const char *name = r->alg ? r->alg : rsa ? "RSA-OAEP" : "ECDH-ES+A256KW";
	*out = jwe_alg_find(name);
	if (!*out)
		return err_set(em, ERR_UNSUPPORTED, "JWE: key management \"%.32s\" is not supported", name);
	if (strcmp((*out)->kty, rsa ? "RSA" : "EC") != 0)
		return err_set(em, ERR_KEY, "JWE: %s does not go with this kind of key", name);
	if (jwe_alg_is_direct(*out) && count > 1)
		return err_set(em, ERR_ARG, "JWE: ECDH-ES allows one recipient only");
	return OK;
}

static enum err sealing_begin(struct sealing *s, size_t count, const struct secret *cek, struct errmsg *em)
{
	return s->recipient->kek_wrap ? wrap_symmetric(s, cek, em) : alg_choose(s->recipient, count, &s->alg, em);
}

/* "protected", and the AAD that it is. */
static enum err put_protected(json_object *root, json_object *header, struct buf *aad, struct errmsg *em)
{
	AUTO_STR
	char *text = json_text(header);
	if (!text)
		return no_memory(em);
	AUTO_STR
	char *encoded = base64_encode(BASE64_URL, bytes_str(text));
	if (!encoded)
		return no_memory(em);
	enum err e = buf_append(aad, bytes_str(encoded), 0, em);
	return e == OK ? put(root, "protected", json_object_new_string(encoded), em) : e;
}

static enum err one_recipient(json_object *root, struct sealing *s, struct secret **cek, struct buf *aad,
			      struct errmsg *em)
{
	AUTO_BUF
	wrapped = { 0 };
	AUTO_OF(json_object) *header = json_object_new_object();
	if (!header)
		return no_memory(em);
	s->header = header;
	enum err e = put(header, "alg", json_object_new_string(s->alg->name), em);
	if (e == OK)
		e = put(header, "enc", json_object_new_string(s->enc->name), em);
	if (e == OK)
		e = seal_key(s, cek, &wrapped, em);
	if (e == OK)
		e = put_protected(root, header, aad, em);
	if (e == OK && wrapped.len)
		e = put_bytes(root, "encrypted_key", buf_bytes(&wrapped), em);
	return e;
}

/* One element of "recipients"; the first one's encrypted key goes to the top too, as go-jose writes it. */
static enum err add_recipient(json_object *root, json_object *list, struct sealing *s, struct secret **cek,
			      struct errmsg *em)
{
	AUTO_BUF
	wrapped = { 0 };
	AUTO_OF(json_object) *element = json_object_new_object();
	json_object *header = json_object_new_object();
	if (!element)
		json_object_put(header);
	enum err e = element ? put(element, "header", header, em) : no_memory(em);
	if (e != OK)
		return e;
	s->header = header;
	e = put(header, "alg", json_object_new_string(s->alg->name), em);
	if (e == OK)
		e = seal_key(s, cek, &wrapped, em);
	if (e == OK)
		e = put_bytes(element, "encrypted_key", buf_bytes(&wrapped), em);
	if (e == OK && json_object_array_length(list) == 0)
		e = put_bytes(root, "encrypted_key", buf_bytes(&wrapped), em);
	if (e == OK && json_object_array_add(list, json_object_get(element)) != 0) {
		json_object_put(element);
		e = no_memory(em);
	}
	return e;
}

struct recipients {
	const struct jwe_recipient *list;
	size_t count;
};

static enum err several_recipients(json_object *root, struct recipients to, struct secret **cek, struct buf *aad,
				   struct errmsg *em)
{
	AUTO_OF(json_object) *header = json_object_new_object();
	json_object *list = json_object_new_array();
	enum err e = header ? put(header, "enc", json_object_new_string("A256GCM"), em) : no_memory(em);
	if (e == OK)
		e = put_protected(root, header, aad, em);
	if (e != OK) {
		json_object_put(list);
		return e;
	}
	e = put(root, "recipients", list, em);
	for (size_t i = 0; e == OK && i < to.count; i++) {
		struct sealing s = { .recipient = &to.list[i], .enc = jwe_enc_find("A256GCM") };
		e = sealing_begin(&s, to.count, *cek, em);
		if (e == OK)
			e = add_recipient(root, list, &s, cek, em);
		jwe_wrapped_clear(&s.wrapped);
	}
	return e;
}

static enum err put_content(json_object *root, const struct secret *cek, struct bytes aad, struct bytes plain,
			    struct errmsg *em)
{
	uint8_t iv[JWE_IV];
	uint8_t tag[JWE_TAG];
	AUTO_BUF
	ciphertext = { 0 };
	if (RAND_bytes_ex(libctx(), iv, sizeof iv, 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random bytes");
	struct jwe_box box = { jwe_enc_find("A256GCM"), cek, BYTES(iv), aad };
	enum err e = jwe_box_seal(&box, plain, &ciphertext, tag, em);
	if (e == OK)
		e = put_bytes(root, "iv", BYTES(iv), em);
	if (e == OK)
		e = put_bytes(root, "ciphertext", buf_bytes(&ciphertext), em);
	if (e == OK)
		e = put_bytes(root, "tag", BYTES(tag), em);
	return e;
}

static enum err new_content_key(struct secret **out, struct errmsg *em)
{
	enum err e = secret_new(jwe_enc_find("A256GCM")->key_len, out, em);
	if (e == OK && RAND_priv_bytes_ex(libctx(), secret_data(*out), secret_len(*out), 0) != 1)
		e = err_openssl(em, ERR_CRYPTO, "no random bytes");
	return e;
}

enum err jwe_encrypt(const struct jwe_recipient *recipients, size_t count, struct bytes plain, char **json,
		     struct errmsg *em)
{
	if (count == 0 || count > JWE_RECIPIENTS_MAX)
		return err_set(em, ERR_ARG, "JWE: %zu recipients: 1 to %d are possible", count, JWE_RECIPIENTS_MAX);
	AUTO_OF(json_object) *root = json_object_new_object();
	AUTO(secret) *cek = NULL;
	AUTO_BUF
	aad = { 0 };
	enum err e = root ? new_content_key(&cek, em) : no_memory(em);
	if (e != OK)
		return e;
	struct sealing only = { .recipient = &recipients[0], .enc = jwe_enc_find("A256GCM") };
	if (count == 1)
		e = sealing_begin(&only, 1, cek, em);
	if (e == OK)
		e = count == 1 ? one_recipient(root, &only, &cek, &aad, em)
			       : several_recipients(root, (struct recipients){ recipients, count }, &cek, &aad, em);
	jwe_wrapped_clear(&only.wrapped);
	if (e == OK)
		e = put_content(root, cek, buf_bytes(&aad), plain, em);
	if (e != OK)
		return e;
	*json = json_text(root);
	return *json ? OK : no_memory(em);
}
