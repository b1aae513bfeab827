#include "tests/support/tee_pki.h"

#include "common/base64.h"
#include "common/libctx.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "test vendor: %s\n", what);
	abort();
}
#define MUST(call) must((call), #call)

EVP_PKEY *pki_ec(const char *curve)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, "EC", curve);
	MUST(key != NULL);
	return key;
}

EVP_PKEY *pki_rsa(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx(), NULL, "RSA", (size_t)2048);
	MUST(key != NULL);
	return key;
}

void pki_append(struct buf *to, struct bytes more)
{
	MUST(buf_append(to, more, 0, NULL) == OK);
}

void pki_number(struct buf *to, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pki_append(to, (struct bytes){ (const uint8_t[]){ (uint8_t)(value >> (8 * i)) }, 1 });
}

void pki_der(struct buf *to, uint8_t tag, struct bytes body)
{
	MUST(body.len < 65536);
	pki_append(to, (struct bytes){ &tag, 1 });
	if (body.len >= 256)
		pki_number(to, 0x82, 1);
	else if (body.len >= 128)
		pki_number(to, 0x81, 1);
	if (body.len >= 256)
		pki_number(to, body.len >> 8, 1);
	pki_number(to, body.len & 255, 1);
	pki_append(to, body);
}

static X509_NAME *name_of(const char *cn)
{
	X509_NAME *name = X509_NAME_new();
	MUST(name && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) == 1);
	return name;
}

/* A context that is ready to sign; freed by the caller. */
static EVP_MD_CTX *signing(EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	bool rsa = EVP_PKEY_is_a(key, "RSA");
	MUST(ctx && EVP_DigestSignInit_ex(ctx, &how, rsa || EVP_PKEY_get_bits(key) == 384 ? "SHA384" : "SHA256",
					  libctx(), NULL, key, NULL) == 1);
	if (rsa)
		MUST(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1);
	return ctx;
}

static X509_EXTENSION *extension(const struct pki_extension *from)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(from->oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	MUST(oid && value && ASN1_OCTET_STRING_set(value, from->der.data, (int)from->der.len) == 1);
	X509_EXTENSION *made = X509_EXTENSION_create_by_OBJ(NULL, oid, from->critical, value);
	MUST(made != NULL);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(value);
	return made;
}

void pki_cert_make(const struct pki_cert *c, struct buf *der)
{
	X509 *cert = X509_new_ex(libctx(), NULL);
	X509_NAME *subject = name_of(c->cn);
	X509_NAME *issuer = name_of(c->issuer);
	MUST(cert && X509_set_version(cert, X509_VERSION_3) == 1);
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(cert), c->serial) == 1);
	MUST(X509_set_subject_name(cert, subject) == 1 && X509_set_issuer_name(cert, issuer) == 1);
	MUST(ASN1_TIME_set(X509_getm_notBefore(cert), c->from) && ASN1_TIME_set(X509_getm_notAfter(cert), c->until));
	MUST(X509_set_pubkey(cert, c->key) == 1);
	X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
						    c->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	MUST(basic && X509_add_ext(cert, basic, -1) == 1);
	X509_EXTENSION_free(basic);
	for (size_t i = 0; i < c->extension_count; i++) {
		X509_EXTENSION *more = extension(&c->extensions[i]);
		MUST(X509_add_ext(cert, more, -1) == 1);
		X509_EXTENSION_free(more);
	}
	EVP_MD_CTX *ctx = signing(c->signer);
	MUST(X509_sign_ctx(cert, ctx) > 0);
	uint8_t *out = NULL;
	int len = i2d_X509(cert, &out);
	MUST(len > 0);
	buf_clear(der);
	pki_append(der, (struct bytes){ out, (size_t)len });
	OPENSSL_free(out);
	EVP_MD_CTX_free(ctx);
	X509_NAME_free(subject);
	X509_NAME_free(issuer);
	X509_free(cert);
}

static void list(X509_CRL *crl, const struct pki_crl *c)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, c->from);
	MUST(entry && serial && when && ASN1_INTEGER_set(serial, c->revoked) == 1);
	MUST(X509_REVOKED_set_serialNumber(entry, serial) == 1 && X509_REVOKED_set_revocationDate(entry, when) == 1);
	MUST(X509_CRL_add0_revoked(crl, entry) == 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(when);
}

void pki_crl_make(const struct pki_crl *c, struct buf *der)
{
	X509_CRL *crl = X509_CRL_new_ex(libctx(), NULL);
	X509_NAME *issuer = name_of(c->issuer);
	ASN1_TIME *from = ASN1_TIME_set(NULL, c->from);
	ASN1_TIME *until = ASN1_TIME_set(NULL, c->until);
	MUST(crl && from && until && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	MUST(X509_CRL_set_issuer_name(crl, issuer) == 1);
	MUST(X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1);
	if (c->revoked)
		list(crl, c);
	if (c->critical) {
		static uint8_t one[] = { 0x02, 0x01, 0x01 };
		struct pki_extension delta = { "2.5.29.27", { one, sizeof one, 0 }, true };
		X509_EXTENSION *more = extension(&delta);
		MUST(X509_CRL_add_ext(crl, more, -1) == 1);
		X509_EXTENSION_free(more);
	}
	EVP_MD_CTX *ctx = signing(c->signer);
	MUST(X509_CRL_sign_ctx(crl, ctx) > 0);
	uint8_t *out = NULL;
	int len = i2d_X509_CRL(crl, &out);
	MUST(len > 0);
	buf_clear(der);
	pki_append(der, (struct bytes){ out, (size_t)len });
	OPENSSL_free(out);
	EVP_MD_CTX_free(ctx);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_NAME_free(issuer);
	X509_CRL_free(crl);
}

void pki_pem(const char *label, struct bytes der, struct buf *to)
{
	char line[80];
	char *text = base64_encode(BASE64_STD, der);
	MUST(text != NULL);
	snprintf(line, sizeof line, "-----BEGIN %s-----\n", label);
	pki_append(to, bytes_str(line));
	for (size_t at = 0; at < strlen(text); at += 64) {
		snprintf(line, sizeof line, "%.64s\n", text + at);
		pki_append(to, bytes_str(line));
	}
	snprintf(line, sizeof line, "-----END %s-----\n", label);
	pki_append(to, bytes_str(line));
	free(text);
}

void pki_sha256(struct bytes of, uint8_t to[32])
{
	size_t len = 0;
	MUST(EVP_Q_digest(libctx(), "SHA256", NULL, of.data, of.len, to, &len) == 1);
}

void pki_sign(EVP_PKEY *key, struct bytes data, uint8_t *raw)
{
	uint8_t der[128];
	size_t len = sizeof der;
	int half = EVP_PKEY_get_bits(key) / 8;
	EVP_MD_CTX *ctx = signing(key);
	MUST(EVP_DigestSign(ctx, der, &len, data.data, data.len) == 1);
	const uint8_t *at = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	MUST(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}
