#include "attest/cert.h"

#include "common/libctx.h"
#include "common/pem.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

AUTO_OF_DEFINE(ECDSA_SIG, ECDSA_SIG_free)
AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)
AUTO_OF_DEFINE(BIGNUM, BN_free)
AUTO_OF_DEFINE(ASN1_OBJECT, ASN1_OBJECT_free)

void cert_set_clear(struct cert_set *s)
{
	sk_X509_pop_free(s->certs, X509_free);
	sk_X509_CRL_pop_free(s->crls, X509_CRL_free);
	*s = (struct cert_set){ NULL, NULL };
}

static enum err add_certificate(struct cert_set *s, struct bytes der, struct errmsg *em)
{
	X509 *cert = X509_new_ex(libctx(), NULL);
	if (!cert || (!s->certs && !(s->certs = sk_X509_new_null()))) {
		X509_free(cert);
		return err_openssl(em, ERR_NOMEM, "certificate");
	}
	const uint8_t *at = der.data;
	/* d2i frees the object where it fails. */
	if (!d2i_X509(&cert, &at, (long)der.len))
		return err_openssl(em, ERR_PARSE, "no certificate");
	if (at != der.data + der.len || sk_X509_num(s->certs) >= CERT_MAX || sk_X509_push(s->certs, cert) == 0) {
		X509_free(cert);
		return err_set(em, ERR_PARSE, "bytes behind a certificate, or too many of them");
	}
	return OK;
}

static enum err add_crl(struct cert_set *s, struct bytes der, struct errmsg *em)
{
	X509_CRL *crl = X509_CRL_new_ex(libctx(), NULL);
	if (!crl || (!s->crls && !(s->crls = sk_X509_CRL_new_null()))) {
		X509_CRL_free(crl);
		return err_openssl(em, ERR_NOMEM, "CRL");
	}
	const uint8_t *at = der.data;
	if (!d2i_X509_CRL(&crl, &at, (long)der.len))
		return err_openssl(em, ERR_PARSE, "no certificate revocation list");
	if (at != der.data + der.len || sk_X509_CRL_num(s->crls) >= CERT_MAX || sk_X509_CRL_push(s->crls, crl) == 0) {
		X509_CRL_free(crl);
		return err_set(em, ERR_PARSE, "bytes behind a CRL, or too many of them");
	}
	return OK;
}

static enum err add_block(struct cert_set *s, const struct pem_block *block, struct errmsg *em)
{
	bool crl = pem_label_is(block, "X509 CRL");
	if (!crl && !pem_label_is(block, "CERTIFICATE"))
		return err_set(em, ERR_PARSE, "a PEM block that is neither a certificate nor a CRL");
	AUTO(secret) *der = NULL;
	enum err e = pem_decode(block, &der, em);
	if (e != OK)
		return e;
	return crl ? add_crl(s, secret_bytes(der), em) : add_certificate(s, secret_bytes(der), em);
}

/* Where a chain stands in evidence nothing else may: there would be bytes that nobody judges. */
static bool line_ends(struct bytes gap)
{
	for (size_t i = 0; i < gap.len; i++)
		if (gap.data[i] != '\n' && gap.data[i] != '\r')
			return false;
	return true;
}

static enum err add_pem(struct cert_set *s, struct bytes from, struct errmsg *em)
{
	static const char begin[] = "-----BEGIN ";
	struct pem_block block;
	struct bytes rest = from;
	enum err e;
	while ((e = pem_next(&rest, &block, em)) == OK) {
		struct bytes gap = { from.data, (size_t)(block.label.data - from.data) - strlen(begin) };
		if (!line_ends(gap) || block.headers.len > 0)
			return err_set(em, ERR_PARSE, "text beside a PEM block");
		e = add_block(s, &block, em);
		if (e != OK)
			return e;
		from = rest;
	}
	if (e == ERR_NOT_FOUND && !line_ends(from))
		return err_set(em, ERR_PARSE, "text behind a PEM block");
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err cert_set_add(struct cert_set *s, struct bytes from, struct errmsg *em)
{
	if (pem_present(from))
		return add_pem(s, from, em);
	enum err e = add_certificate(s, from, em);
	return e == ERR_PARSE ? add_crl(s, from, em) : e;
}

bool cert_pin_check(struct appraisal *to, const struct cert_pin *pin)
{
	uint8_t digest[32] = { 0 };
	uint8_t *der = NULL;
	int size = i2d_X509(pin->root, &der);
	size_t len = 0;
	if (size > 0 && EVP_Q_digest(libctx(), "SHA256", NULL, der, (size_t)size, digest, &len) != 1)
		len = 0;
	OPENSSL_free(der);
	return appraisal_expect_bytes(to, CHECK(pin->name, APPRAISAL_SIGNATURE),
				      (struct check_bytes){ { pin->sha256, 32 }, { digest, len } });
}

void cert_common_name(X509 *cert, char to[CERT_NAME_MAX])
{
	X509_NAME *name = X509_get_subject_name(cert);
	if (!name || X509_NAME_get_text_by_NID(name, NID_commonName, to, CERT_NAME_MAX) < 0)
		memcpy(to, "?", 2);
}

struct bytes cert_extension(X509 *cert, const char *oid)
{
	AUTO_OF(ASN1_OBJECT) *object = OBJ_txt2obj(oid, 1);
	int at = object ? X509_get_ext_by_OBJ(cert, object, -1) : -1;
	/* Twice the same one: it would depend on the reader which counts. */
	if (at < 0 || X509_get_ext_by_OBJ(cert, object, at) >= 0)
		return (struct bytes){ NULL, 0 };
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
	return (struct bytes){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
}

static bool chain_holds(const struct cert_chain *chain, const char **why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx(), NULL);
	STACK_OF(X509) *trusted = sk_X509_new_null();
	STACK_OF(X509) *middle = sk_X509_new_null();
	bool holds = false;
	*why = "no memory";
	if (ctx && trusted && middle && sk_X509_push(trusted, chain->root) > 0 &&
	    (!chain->middle || sk_X509_push(middle, chain->middle) > 0) &&
	    X509_STORE_CTX_init(ctx, NULL, chain->leaf, middle) == 1) {
		X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
		/* The dates are checks of their own, against the caller's clock. */
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
		holds = X509_verify_cert(ctx) == 1 &&
			sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) == (chain->middle ? 3 : 2);
		*why = holds ? "holds" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	sk_X509_free(trusted);
	sk_X509_free(middle);
	return holds;
}

static bool asn1_seconds(const ASN1_TIME *time, int64_t *out)
{
	struct tm parts;
	if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
		return false;
	*out = timegm(&parts);
	return true;
}

struct span {
	const ASN1_TIME *from;
	const ASN1_TIME *until;
	const char *of;
};

static bool date_check(const struct cert_context *cx, struct span span)
{
	int64_t from = 0;
	int64_t until = 0;
	char texts[3][APPRAISAL_TIME_MAX];
	bool readable = asn1_seconds(span.from, &from) && asn1_seconds(span.until, &until);
	appraisal_time_format(from, texts[0]);
	appraisal_time_format(until, texts[1]);
	appraisal_time_format(cx->now, texts[2]);
	char expected[APPRAISAL_VALUE_MAX];
	snprintf(expected, sizeof expected, "%s to %s (%.100s)", texts[0], texts[1], span.of);
	return appraisal_expect(cx->to, CHECK(cx->dates, APPRAISAL_EXPIRED),
				readable && cx->now >= from && cx->now <= until,
				(struct check_texts){ expected, texts[2] });
}

bool cert_chain_check(const struct cert_context *cx, const struct cert_chain *chain)
{
	const char *why = NULL;
	bool holds = chain_holds(chain, &why);
	char expected[APPRAISAL_VALUE_MAX];
	char root[CERT_NAME_MAX];
	cert_common_name(chain->root, root);
	snprintf(expected, sizeof expected, "signed up to %.100s", root);
	if (!appraisal_expect(cx->to, CHECK(cx->name, APPRAISAL_SIGNATURE), holds,
			      (struct check_texts){ expected, why }))
		return false;
	X509 *all[] = { chain->leaf, chain->middle, chain->root };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char name[CERT_NAME_MAX];
		if (!all[i])
			continue;
		cert_common_name(all[i], name);
		date_check(cx, (struct span){ X509_get0_notBefore(all[i]), X509_get0_notAfter(all[i]), name });
	}
	return true;
}

/* A critical extension (a delta list, a part of the list) changes what not being listed means. */
static bool crl_holds(X509_CRL *crl, X509 *issuer)
{
	bool holds =
		X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1 && X509_CRL_get_ext_by_critical(crl, 1, -1) < 0;
	ERR_clear_error();
	return holds;
}

/* The issuer's newest that holds: a host that hands on an older one takes nothing out of a list that somebody else
 * gave. Else the first that has its name. */
static X509_CRL *crl_of(const struct cert_revocation *r)
{
	X509_CRL *found = NULL;
	bool holds = false;
	for (int i = 0; i < sk_X509_CRL_num(r->lists->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(r->lists->crls, i);
		if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(r->issuer)) != 0)
			continue;
		bool good = crl_holds(crl, r->issuer);
		bool newer =
			found && ASN1_TIME_compare(X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_lastUpdate(found)) == 1;
		if (!found || (good && (!holds || newer)))
			found = crl;
		holds = holds || good;
	}
	return found;
}

void cert_revocation_check(const struct cert_context *cx, const struct cert_revocation *r)
{
	char issuer[CERT_NAME_MAX];
	cert_common_name(r->issuer, issuer);
	X509_CRL *crl = crl_of(r);
	if (!crl && r->optional) {
		appraisal_not_made(cx->to, "revocation", "no CRL given");
		return;
	}
	char expected[APPRAISAL_VALUE_MAX];
	snprintf(expected, sizeof expected, "a CRL of %s", issuer);
	if (!appraisal_expect(cx->to, CHECK("CRL", APPRAISAL_MALFORMED), crl != NULL,
			      (struct check_texts){ expected, crl ? "given" : "none of this issuer" }))
		return;
	bool holds = crl_holds(crl, r->issuer);
	if (!appraisal_expect(cx->to, CHECK("CRL signature", APPRAISAL_SIGNATURE), holds,
			      (struct check_texts){ issuer, holds ? "holds" : "does not hold" }))
		return;
	struct cert_context dates = *cx;
	dates.dates = "CRL dates";
	date_check(&dates, (struct span){ X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl), issuer });
	X509_REVOKED *entry = NULL;
	bool listed = X509_CRL_get0_by_cert(crl, &entry, r->cert) == 1;
	char name[CERT_NAME_MAX];
	cert_common_name(r->cert, name);
	appraisal_expect(cx->to, CHECK("revocation", APPRAISAL_REFUSED), !listed,
			 (struct check_texts){ "not revoked", listed ? name : "not revoked" });
}

bool cert_signed_by(EVP_PKEY *key, struct cert_signature signature)
{
	size_t half = signature.raw.len / 2;
	AUTO_OF(ECDSA_SIG) *sig = ECDSA_SIG_new();
	AUTO_OF(BIGNUM) *r = BN_bin2bn(signature.raw.data, (int)half, NULL);
	AUTO_OF(BIGNUM) *s = BN_bin2bn(signature.raw.data + half, (int)half, NULL);
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	uint8_t *at = der;
	if (!sig || !r || !s || !ctx || ECDSA_SIG_set0(sig, r, s) != 1)
		return false;
	r = NULL;
	s = NULL;
	int len = half <= 48 ? i2d_ECDSA_SIG(sig, &at) : 0;
	const char *digest = half == 32 ? "SHA256" : "SHA384";
	bool holds = len > 0 && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == (int)half * 8 &&
		     EVP_DigestVerifyInit_ex(ctx, NULL, digest, libctx(), NULL, key, NULL) == 1 &&
		     EVP_DigestVerify(ctx, der, (size_t)len, signature.data.data, signature.data.len) == 1;
	ERR_clear_error();
	return holds;
}
