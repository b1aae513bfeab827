#include "pkcs11/material.h"

#include "common/crypto_gate.h"
#include "common/key_build.h"
#include "common/key_pqc.h"
#include "common/libctx.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>

static struct material *material_new(void)
{
	static atomic_uint_least64_t serials;
	struct material *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->refs = 1;
	m->serial = atomic_fetch_add(&serials, 1) + 1;
	m->key_type = CK_UNAVAILABLE_INFORMATION;
	return m;
}

struct material *material_ref(struct material *m)
{
	if (m)
		atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void material_free(struct material *m)
{
	if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	crypto_gate_enter();
	EVP_PKEY_free(m->key);
	X509_free(m->certificate);
	crypto_gate_leave();
	for (size_t i = 0; i < m->chain_len; i++)
		material_free(m->chain[i]);
	free(m->chain);
	secret_free(m->raw);
	struct buf *bufs[] = { &m->modulus, &m->exponent, &m->ec_params, &m->ec_point, &m->value,
			       &m->spki,    &m->cert,     &m->subject,   &m->issuer,   &m->cert_serial };
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_clear(bufs[i]);
	free(m);
}

/* A number, big-endian without leading zeros, as CKA_MODULUS wants it; with `width`, padded to it. */
static enum err put_number(EVP_PKEY *key, const char *param, struct buf *to, size_t width, struct errmsg *em)
{
	BIGNUM *number = NULL;
	if (!EVP_PKEY_get_bn_param(key, param, &number))
		return err_openssl(em, ERR_CRYPTO, "reading %s of a key", param);
	size_t len = width ? width : (size_t)BN_num_bytes(number);
	enum err e = buf_reserve(to, len ? len : 1, em);
	if (e == OK && BN_bn2binpad(number, to->data + to->len, (int)len) < 0)
		e = err_set(em, ERR_CRYPTO, "%s of a key is too long", param);
	if (e == OK)
		to->len += len;
	BN_free(number);
	return e;
}

/* DER that OpenSSL allocated. */
static enum err put_der(unsigned char *der, int len, struct buf *to, struct errmsg *em)
{
	if (len <= 0)
		return err_openssl(em, ERR_CRYPTO, "encoding a public part");
	enum err e = buf_append(to, (struct bytes){ der, (size_t)len }, 0, em);
	OPENSSL_free(der);
	return e;
}

static enum err describe_rsa(struct material *m, struct errmsg *em)
{
	m->key_type = CKK_RSA;
	enum err e = put_number(m->key, OSSL_PKEY_PARAM_RSA_N, &m->modulus, 0, em);
	if (e == OK)
		e = put_number(m->key, OSSL_PKEY_PARAM_RSA_E, &m->exponent, 0, em);
	return e;
}

/* PKCS #11 2.40 2.3.3: CKA_EC_POINT is the DER of an OCTET STRING that holds the point. */
static enum err put_point(struct material *m, struct bytes point, struct errmsg *em)
{
	uint8_t head[3] = { 0x04, 0x81 };
	size_t n = 1;
	if (point.len > 0x7f)
		n++;
	head[n++] = (uint8_t)point.len;
	enum err e = buf_append(&m->ec_point, (struct bytes){ head, n }, 0, em);
	return e == OK ? buf_append(&m->ec_point, point, 0, em) : e;
}

static enum err describe_ec(struct material *m, struct errmsg *em)
{
	m->key_type = CKK_EC;
	char group[64];
	if (!EVP_PKEY_get_group_name(m->key, group, sizeof(group), NULL))
		return err_openssl(em, ERR_UNSUPPORTED, "an EC key without a named curve");
	ASN1_OBJECT *oid = OBJ_txt2obj(group, 0);
	unsigned char *der = NULL;
	int len = oid ? i2d_ASN1_OBJECT(oid, &der) : 0;
	ASN1_OBJECT_free(oid);
	enum err e = put_der(der, len, &m->ec_params, em);

	size_t width = (m->bits + 7) / 8;
	AUTO_BUF
	point = { 0 };
	if (e == OK)
		e = buf_append(&point, (struct bytes){ (const uint8_t *)"\x04", 1 }, 0, em);
	if (e == OK)
		e = put_number(m->key, OSSL_PKEY_PARAM_EC_PUB_X, &point, width, em);
	if (e == OK)
		e = put_number(m->key, OSSL_PKEY_PARAM_EC_PUB_Y, &point, width, em);
	return e == OK ? put_point(m, buf_bytes(&point), em) : e;
}

/* RFC 8410. PKCS #11 3.0, 2.3.5: the point is in an OCTET STRING here, too. */
static enum err describe_okp(struct material *m, const struct okp_curve *curve, struct errmsg *em)
{
	uint8_t point[OKP_SIZE_MAX], head[2] = { 0x06, (uint8_t)curve->oid.len };
	size_t len = sizeof(point);
	m->key_type = curve->signs ? CKK_EC_EDWARDS : CKK_EC_MONTGOMERY;
	m->bits = curve->size < 56 ? 255 : 448;
	if (EVP_PKEY_get_raw_public_key(m->key, point, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "reading a public key");
	enum err e = buf_append(&m->ec_params, BYTES(head), 0, em);
	if (e == OK)
		e = buf_append(&m->ec_params, curve->oid, 0, em);
	return e == OK ? put_point(m, (struct bytes){ point, len }, em) : e;
}

static enum err describe_pqc(struct material *m, const struct pqc_set *set, struct errmsg *em)
{
	static const CK_KEY_TYPE types[] = { CKK_ML_KEM, CKK_ML_DSA, CKK_SLH_DSA };
	size_t len = 0;
	m->key_type = types[set->family];
	m->bits = set->public_len;
	m->parameter_set = set->number;
	enum err e = buf_reserve(&m->value, set->public_len, em);
	if (e != OK)
		return e;
	if (EVP_PKEY_get_octet_string_param(m->key, OSSL_PKEY_PARAM_PUB_KEY, m->value.data, set->public_len, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "reading a public key");
	m->value.len = len;
	return OK;
}

static enum err describe_key(struct material *m, struct errmsg *em)
{
	m->bits = (CK_ULONG)EVP_PKEY_get_bits(m->key);
	enum err e = OK;
	if (EVP_PKEY_is_a(m->key, "RSA"))
		e = describe_rsa(m, em);
	else if (EVP_PKEY_is_a(m->key, "EC"))
		e = describe_ec(m, em);
	else if (okp_curve_of(m->key))
		e = describe_okp(m, okp_curve_of(m->key), em);
	else if (pqc_set_of(m->key))
		e = describe_pqc(m, pqc_set_of(m->key), em);
	else
		e = err_set(em, ERR_UNSUPPORTED, "a key of type %s", EVP_PKEY_get0_type_name(m->key));
	if (e != OK)
		return e;
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(m->key, &der);
	return put_der(der, len, &m->spki, em);
}

static enum err describe_certificate(struct material *m, struct errmsg *em)
{
	unsigned char *der = NULL;
	int len = i2d_X509(m->certificate, &der);
	enum err e = put_der(der, len, &m->cert, em);
	if (e == OK) {
		der = NULL;
		len = i2d_X509_NAME(X509_get_subject_name(m->certificate), &der);
		e = put_der(der, len, &m->subject, em);
	}
	if (e == OK) {
		der = NULL;
		len = i2d_X509_NAME(X509_get_issuer_name(m->certificate), &der);
		e = put_der(der, len, &m->issuer, em);
	}
	if (e == OK) {
		der = NULL;
		len = i2d_ASN1_INTEGER(X509_get0_serialNumber(m->certificate), &der);
		e = put_der(der, len, &m->cert_serial, em);
	}
	return e;
}

static bool text_has(struct bytes text, const char *word)
{
	return text.len && memmem(text.data, text.len, word, strlen(word)) != NULL;
}

/* PEM that announces a private key, or a JWK with a private part: never to be treated as data. */
static bool says_private(struct bytes text, bool pem, bool json)
{
	return (pem && text_has(text, "PRIVATE KEY-----")) ||
	       (json && text_has(text, "\"kty\"") && text_has(text, "\"d\""));
}

static enum err parse_contents(struct material *m, struct bytes text, struct errmsg *em)
{
	size_t start = 0;
	while (start < text.len && text.data[start] && strchr(" \t\r\n", text.data[start]))
		start++;
	bool pem = text_has(text, "-----BEGIN ");
	bool json = start < text.len && text.data[start] == '{';
	bool der = text.len > 2 && text.data[0] == 0x30;
	if (!pem && !json && !der)
		return OK;
	bool must = says_private(text, pem, json);
	if (must || der) {
		enum err e = key_private_parse(text, NULL, &m->key, em);
		m->private_key = e == OK;
		if (e == ERR_NOMEM || (must && e != OK))
			return e;
	}
	/* What follows may fail: then the resource is data. But not for want of memory, which says nothing about it. */
	struct errmsg ignored;
	enum err e = OK;
	if ((pem && text_has(text, "CERTIFICATE-----")) || (der && !m->key))
		e = key_certificate_parse(text, &m->certificate, &ignored);
	if (e != OK)
		m->certificate = NULL;
	if (e != ERR_NOMEM && !m->key) {
		e = key_public_parse(text, &m->key, &ignored);
		if (e != OK)
			m->key = NULL;
	}
	return e == ERR_NOMEM ? err_set(em, e, "no memory for an object") : OK;
}

enum err material_from_secret(struct secret *raw, struct material **out, struct errmsg *em)
{
	struct material *m = material_new();
	if (!m) {
		secret_free(raw);
		return err_nomem(em, "an object");
	}
	m->raw = raw;
	*out = m;
	return OK;
}

enum err material_from_key(EVP_PKEY *key, bool private_key, struct material **out, struct errmsg *em)
{
	AUTO(material) *m = material_new();
	if (!m || !EVP_PKEY_up_ref(key))
		return err_nomem(em, "an object");
	m->key = key;
	m->private_key = private_key;
	struct libctx_guard guard = libctx_enter();
	enum err e = describe_key(m, em);
	libctx_leave(guard);
	if (e != OK)
		return e;
	*out = steal(&m);
	return OK;
}

enum err material_parse(struct secret *raw, struct material **out, struct errmsg *em)
{
	AUTO(material) *m = NULL;
	enum err e = material_from_secret(raw, &m, em);
	if (e != OK)
		return e;
	/* Whatever asks for the default context in here gets ours, not the application's. */
	struct libctx_guard guard = libctx_enter();
	e = parse_contents(m, secret_bytes(raw), em);
	if (e == OK && m->key)
		e = describe_key(m, em);
	if (e == ERR_UNSUPPORTED && !m->private_key) {
		/* A certificate for a kind of key that we cannot use is a certificate all the same. */
		EVP_PKEY_free(m->key);
		m->key = NULL;
		m->key_type = CK_UNAVAILABLE_INFORMATION;
		e = OK;
	}
	if (e == OK && m->certificate)
		e = describe_certificate(m, em);
	libctx_leave(guard);
	if (e == OK && m->certificate)
		e = material_chain_parse(m, secret_bytes(raw), em);
	if (e != OK)
		return e;
	if (m->private_key) {
		secret_free(m->raw);
		m->raw = NULL;
	}
	*out = steal(&m);
	return OK;
}
