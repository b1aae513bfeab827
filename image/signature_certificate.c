#include "image/signature_certificate.h"

#include "common/der.h"
#include "common/libctx.h"
#include "common/pem.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CERTIFICATES_MAX 32
#define DEPTH_MAX 8
#define SECURITY_BITS_LEVEL 2 /* 112 bits: no SHA-1, no RSA below 2048 bits */

void certificates_free(STACK_OF(X509) * list)
{
	sk_X509_pop_free(list, X509_free);
}

static enum err certificate_add(STACK_OF(X509) * list, struct bytes text, struct errmsg *em)
{
	X509 *one = NULL;
	if (sk_X509_num(list) == CERTIFICATES_MAX)
		return err_set(em, ERR_LIMIT, "more than %d certificates", CERTIFICATES_MAX);
	enum err e = key_certificate_parse(text, &one, em);
	if (e == OK && sk_X509_push(list, one) > 0)
		return OK;
	X509_free(one);
	return e == OK ? err_nomem(em, "certificates") : e;
}

/* Each block by itself: what stands between them is passed over. */
static enum err blocks_add(STACK_OF(X509) * list, struct bytes text, struct errmsg *em)
{
	for (;;) {
		struct bytes rest = text;
		struct pem_block block = { 0 };
		enum err e = pem_next(&rest, &block, em);
		if (e == ERR_NOT_FOUND)
			return sk_X509_num(list) > 0 ? OK : err_set(em, ERR_PARSE, "no certificate in it");
		if (e == OK && pem_label_is(&block, "CERTIFICATE"))
			e = certificate_add(list, (struct bytes){ text.data, text.len - rest.len }, em);
		if (e != OK)
			return e;
		text = rest;
	}
}

enum err certificates_parse(struct bytes text, STACK_OF(X509) * *out, struct errmsg *em)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	if (!list)
		return err_nomem(em, "certificates");
	enum err e = pem_present(text) ? blocks_add(list, text, em) : certificate_add(list, text, em);
	if (e == OK)
		*out = list;
	else
		certificates_free(list);
	return e;
}

/* --- the chain --- */

/* RFC 5280 4.2.1.12: where a certificate of the chain says what it is for, signing code must be among it. OpenSSL 3.0
 * knows no such purpose. */
static bool may_sign_code(X509 *certificate)
{
	uint32_t usage = X509_get_extended_key_usage(certificate);
	return (usage & (XKU_CODE_SIGN | XKU_ANYEKU)) != 0; /* all bits where it does not say */
}

static enum err usages_check(STACK_OF(X509) * chain, struct errmsg *em)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *certificate = sk_X509_value(chain, i);
		if (!may_sign_code(certificate))
			return err_set(em, ERR_DENIED, "certificate %d of its chain is not for signing code", i);
		if (i > 0 && X509_check_ca(certificate) != 1)
			return err_set(em, ERR_DENIED, "certificate %d of its chain is no authority's", i);
	}
	if (!(X509_get_key_usage(sk_X509_value(chain, 0)) & KU_DIGITAL_SIGNATURE))
		return err_set(em, ERR_DENIED, "its certificate is not for signatures");
	return OK;
}

/* A certificate that the policy names is trusted as it is, be it a root or not. */
static bool store_fill(X509_STORE *store, STACK_OF(X509) * roots)
{
	for (int i = 0; i < sk_X509_num(roots); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(roots, i)) != 1)
			return false;
	return true;
}

static bool others_add(STACK_OF(X509) * to, STACK_OF(X509) * from)
{
	for (int i = 0; from && i < sk_X509_num(from); i++)
		if (sk_X509_push(to, sk_X509_value(from, i)) <= 0)
			return false;
	return true;
}

static enum err chain_find(X509_STORE_CTX *ctx, int64_t at, struct errmsg *em)
{
	X509_VERIFY_PARAM *how = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(how, (time_t)at);
	X509_VERIFY_PARAM_set_depth(how, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(how, SECURITY_BITS_LEVEL);
	if (X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return err_openssl(em, ERR_CRYPTO, "a certificate's chain");
	if (X509_verify_cert(ctx) != 1)
		return err_set(em, ERR_DENIED, "its certificate: %s",
			       X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	return usages_check(X509_STORE_CTX_get0_chain(ctx), em);
}

static enum err chain_check(const struct certificate_question *q, struct errmsg *em)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx(), NULL);
	STACK_OF(X509) *others = sk_X509_new_null();
	bool good = store && ctx && others && store_fill(store, q->roots) && others_add(others, q->intermediates) &&
		    others_add(others, q->chain) && X509_STORE_CTX_init(ctx, store, q->leaf, others) == 1;
	enum err e = good ? chain_find(ctx, q->at, em) : err_openssl(em, ERR_CRYPTO, "a certificate's chain");
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(others);
	return e;
}

/* --- for whom it is --- */

static bool has_email(X509 *leaf, const char *email)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; names && !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_EMAIL)
			continue;
		const ASN1_STRING *text = name->d.rfc822Name;
		found = bytes_equal(bytes_str(email),
				    (struct bytes){ ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text) });
	}
	GENERAL_NAMES_free(names);
	return found;
}

/* The subject's common name never counts. */
static bool has_hostname(X509 *leaf, const char *hostname)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(hostname);
	ASN1_OCTET_STRING_free(address);
	if (address)
		return X509_check_ip_asc(leaf, hostname, 0) == 1;
	return X509_check_host(leaf, hostname, 0,
			       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				       X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS,
			       NULL) == 1;
}

/* An extension's value, borrowed from the leaf; empty where there is none. ERR_DENIED: it is there twice. */
static enum err extension_find(X509 *leaf, const char *oid, struct bytes *out, struct errmsg *em)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = object ? X509_get_ext_by_OBJ(leaf, object, -1) : -1;
	bool twice = at >= 0 && X509_get_ext_by_OBJ(leaf, object, at) >= 0;
	ASN1_OBJECT_free(object);
	*out = (struct bytes){ NULL, 0 };
	if (!object)
		return err_nomem(em, "an extension's name");
	if (twice)
		return err_set(em, ERR_DENIED, "its certificate has the extension %s twice", oid);
	if (at >= 0) {
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
		*out = (struct bytes){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	}
	return OK;
}

/* Who told Fulcio whose certificate it is: the text itself in the older extension, in DER in the newer one. */
static enum err issuer_check(X509 *leaf, const char *wanted, struct errmsg *em)
{
	struct bytes plain;
	struct bytes der;
	struct der_item item = { 0 };
	enum err e = extension_find(leaf, "1.3.6.1.4.1.57264.1.1", &plain, em);
	if (e == OK)
		e = extension_find(leaf, "1.3.6.1.4.1.57264.1.8", &der, em);
	if (e != OK)
		return e;
	bool newer = der.data != NULL;
	if (newer && (!der_read(&der, &item) || der.len > 0 || item.tag != V_ASN1_UTF8STRING))
		return err_set(em, ERR_DENIED, "its certificate names its OIDC issuer, but not as a text");
	if (!plain.data && !newer)
		return err_set(em, ERR_DENIED, "its certificate names no OIDC issuer");
	struct bytes issuer = newer ? item.body : plain;
	if ((plain.data && newer && !bytes_equal(plain, item.body)) || !bytes_equal(issuer, bytes_str(wanted)))
		return err_set(em, ERR_DENIED, "its certificate's OIDC issuer is not %.200s", wanted);
	return OK;
}

enum err certificate_check(const struct certificate_rule *rule, const struct certificate_question *q, struct errmsg *em)
{
	enum err e = chain_check(q, em);
	if (e == OK && rule->issuer)
		e = issuer_check(q->leaf, rule->issuer, em);
	if (e == OK && rule->email && !has_email(q->leaf, rule->email))
		e = err_set(em, ERR_DENIED, "its certificate is not for %.200s", rule->email);
	if (e == OK && rule->hostname && !has_hostname(q->leaf, rule->hostname))
		e = err_set(em, ERR_DENIED, "its certificate is not for %.200s", rule->hostname);
	return e;
}
