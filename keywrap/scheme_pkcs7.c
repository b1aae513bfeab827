#include "common/libctx.h"
#include "keywrap/cms.h"
#include "keywrap/layer_options.h"
#include "keywrap/scheme.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* EnvelopedData for RSA certificates. Whether a content key was right shows in what it opens, and nowhere else: an
 * answer about the padding of a wrapped key would open all others, one question after the other (Bleichenbacher). */

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

static enum err pkcs7_fits(EVP_PKEY *public_key, struct errmsg *em)
{
	if (!EVP_PKEY_is_a(public_key, "RSA"))
		return err_set(em, ERR_UNSUPPORTED,
			       "the pkcs7 scheme knows certificates with RSA keys only: use jwe:FILE with this one");
	return OK;
}

/* Writing. */

static enum err key_wrap(EVP_PKEY *key, const struct secret *content_key, struct buf *out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	struct bytes from = secret_bytes(content_key);
	size_t len = (size_t)EVP_PKEY_get_size(key);
	enum err e = buf_reserve(out, len, em);
	if (e != OK)
		return e;
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_encrypt(ctx, out->data, &len, from.data, from.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "RSA failed");
	out->len = len;
	return OK;
}

static enum err recipient_write(const struct wrap_key *key, const struct secret *content_key, struct buf *infos,
				struct errmsg *em)
{
	AUTO_BUF
	wrapped = { 0 };
	struct cms_identity identity;
	unsigned char *der = NULL;
	int len = i2d_X509(key->certificate, &der);
	if (len < 0)
		return err_openssl(em, ERR_CRYPTO, "cannot encode the certificate");
	enum err e = cms_identity_read((struct bytes){ der, (size_t)len }, &identity, em);
	if (e == OK)
		e = key_wrap(key->public_key, content_key, &wrapped, em);
	if (e == OK)
		e = cms_recipient_write(&identity, buf_bytes(&wrapped), infos, em);
	OPENSSL_free(der);
	return e == OK ? OK : err_wrap(em, e, "%s", key->label);
}

static enum err pkcs7_wrap(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em)
{
	AUTO(secret) *content_key = NULL;
	AUTO_BUF
	infos = { 0 };
	if (to.count > CMS_RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d recipients", CMS_RECIPIENTS_MAX);
	enum err e = secret_new(CMS_WRITE_KEY_LEN, &content_key, em);
	if (e != OK)
		return e;
	if (RAND_priv_bytes_ex(libctx(), secret_data(content_key), CMS_WRITE_KEY_LEN, 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random numbers");
	for (size_t i = 0; e == OK && i < to.count; i++)
		e = recipient_write(to.keys[i], content_key, &infos, em);
	return e == OK ? cms_envelope_write(buf_bytes(&infos), content_key, plain, element, em) : e;
}

/* Reading. */

static bool certificate_names(X509 *certificate, const struct cms_recipient *recipient)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
	if (recipient->key_id.len)
		return id && bytes_equal(recipient->key_id,
					 (struct bytes){ ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id) });
	struct cms_identity identity;
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);
	bool same = len > 0 && cms_identity_read((struct bytes){ der, (size_t)len }, &identity, NULL) == OK &&
		    bytes_equal(identity.issuer, recipient->identity.issuer) &&
		    bytes_equal(identity.serial, recipient->identity.serial);
	OPENSSL_free(der);
	return same;
}

static bool is_named(const struct certificates *certificates, const struct cms_recipient *recipient)
{
	for (size_t i = 0; certificates && i < certificates->count; i++)
		if (certificate_names(certificates->list[i], recipient))
			return true;
	return false;
}

static enum err recipient_try(const struct jwe_key *ops, const struct cms_envelope *envelope,
			      const struct cms_recipient *recipient, struct secret **plain, struct errmsg *em)
{
	AUTO(secret) *key = NULL;
	AUTO(secret) *opened = NULL;
	enum err e = recipient->hash
			     ? ops->oaep_decrypt(ops->ctx, recipient->hash, recipient->wrapped, &key, em)
			     : ops->pkcs1_decrypt(ops->ctx, recipient->wrapped, envelope->cipher->key_len, &key, em);
	if (e == OK)
		e = cms_envelope_open(envelope, key, &opened, em);
	/* CBC proves nothing: one wrong key in 256 opens something. */
	if (e == OK && privopts_check(opened, em) != OK)
		e = err_set(em, ERR_INTEGRITY, "wrong key");
	if (e == OK)
		*plain = steal(&opened);
	return e;
}

/* Errors of the key itself: another recipient would not do better. */
static bool is_final(enum err e)
{
	return e != ERR_INTEGRITY && e != ERR_UNSUPPORTED && e != ERR_KEY && e != ERR_CRYPTO;
}

/* Those that a certificate names come first: they cost one operation of a token instead of many. All are tried: the
 * right certificate may not have been given. */
static enum err recipients_try(const struct unwrap_key *key, const struct jwe_key *ops,
			       const struct cms_envelope *envelope, struct secret **plain, struct errmsg *em)
{
	bool named[CMS_RECIPIENTS_MAX];
	enum err e = ERR_KEY;
	for (size_t i = 0; i < envelope->count; i++)
		named[i] = is_named(key->certificates, &envelope->recipients[i]);
	for (int others = 0; others < 2; others++) {
		for (size_t i = 0; i < envelope->count; i++) {
			const struct cms_recipient *recipient = &envelope->recipients[i];
			if (named[i] == (others == 1))
				continue;
			e = recipient->unsupported ? err_set(em, ERR_UNSUPPORTED, "%s", recipient->unsupported)
						   : recipient_try(ops, envelope, recipient, plain, em);
			if (e == OK || is_final(e))
				return e;
		}
	}
	return envelope->count == 1 ? e : err_wrap(em, e, "none of %zu recipients; the last", envelope->count);
}

static enum err pkcs7_unwrap(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	struct jwe_key ops = { 0 };
	struct cms_envelope envelope;
	enum err e = cms_envelope_read(element, &envelope, em);
	if (e == OK && envelope.count == 0)
		e = err_set(em, ERR_UNSUPPORTED, "CMS: no recipient with an RSA key (%zu others)", envelope.others);
	if (e == OK)
		e = unwrap_key_ops(key, &ops, em);
	if (e == OK && (!ops.oaep_decrypt || !ops.pkcs1_decrypt))
		e = err_set(em, ERR_KEY, "an EC key opens no recipient of the pkcs7 scheme");
	if (e == OK)
		e = recipients_try(key, &ops, &envelope, plain, em);
	cms_envelope_clear(&envelope);
	return e;
}

const struct wrap_scheme scheme_pkcs7 = {
	.name = "pkcs7",
	.annotation = ANNOTATION_KEYS "pkcs7",
	.takes_certificates = true,
	.fits = pkcs7_fits,
	.wrap = pkcs7_wrap,
	.unwrap = pkcs7_unwrap,
	.kind = &element_pkcs7,
};
