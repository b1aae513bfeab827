#include "common/key.h"

#include "common/der.h"
#include "common/json_scan.h"
#include "common/jwk.h"
#include "common/key_build.h"
#include "common/key_encrypted.h"
#include "common/key_pqc.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"

#include <openssl/decoder.h>
#include <openssl/err.h>

#define KEY_TEXT_MAX (1024 * 1024)
#define RSA_BITS_MIN 1024 /* old keys that somebody still has to open */

static struct bytes oid_bytes(const char *contents, size_t len)
{
	return (struct bytes){ (const uint8_t *)contents, len };
}
#define OID(contents) oid_bytes(contents, sizeof(contents) - 1)

static enum err malformed(struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "malformed private key");
}

/* RSAPrivateKey, RFC 8017 A.1.2. */
static enum err pkcs1_private(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	struct bytes seq;
	struct bytes version;
	struct rsa_numbers k = { 0 };
	if (!der_expect(&der, DER_SEQUENCE, &seq) || der.len || !der_unsigned(&seq, &version))
		return malformed(em);
	if (version.len != 1 || version.data[0] != 0)
		return err_set(em, ERR_UNSUPPORTED, "RSA keys of more than two primes are not supported");
	if (!der_unsigned(&seq, &k.n) || !der_unsigned(&seq, &k.e) || !der_unsigned(&seq, &k.d) ||
	    !der_unsigned(&seq, &k.p) || !der_unsigned(&seq, &k.q) || !der_unsigned(&seq, &k.dp) ||
	    !der_unsigned(&seq, &k.dq) || !der_unsigned(&seq, &k.qi) || seq.len)
		return malformed(em);
	return rsa_key_build(&k, RSA_BITS_MIN, out, em);
}

static enum err curve_of_oid(struct bytes oid, const struct ec_curve **out, struct errmsg *em)
{
	*out = ec_curve_by_oid(oid);
	return *out ? OK : err_set(em, ERR_UNSUPPORTED, "EC key on another curve than P-256, P-384, P-521");
}

/* Shorter than the field, or padded with zeros: both have been written. */
static void trim_zeros(struct bytes *number, size_t size)
{
	while (number->len > size && number->data[0] == 0) {
		number->data++;
		number->len--;
	}
}

/* ECPrivateKey, RFC 5915 section 3. `curve` from PKCS#8's parameters, or NULL. */
static enum err sec1_private(struct bytes der, const struct ec_curve *curve, EVP_PKEY **out, struct errmsg *em)
{
	struct ec_numbers k = { .curve = curve };
	struct bytes seq, version, box, oid;
	if (!der_expect(&der, DER_SEQUENCE, &seq) || der.len || !der_unsigned(&seq, &version) ||
	    !der_expect(&seq, DER_OCTET_STRING, &k.d) || k.d.len == 0)
		return malformed(em);
	if (der_expect(&seq, DER_CONTEXT_0, &box)) {
		if (!der_expect(&box, DER_OID, &oid))
			return err_set(em, ERR_UNSUPPORTED, "EC key whose curve is not named by its OID");
		enum err e = curve_of_oid(oid, &k.curve, em);
		if (e != OK)
			return e;
		if (box.len || (curve && curve != k.curve))
			return malformed(em);
	}
	if (!k.curve)
		return err_set(em, ERR_KEY, "EC key that does not name its curve");
	if (der_expect(&seq, DER_CONTEXT_1, &box)) {
		if (!der_expect(&box, DER_BIT_STRING, &k.point) || box.len || k.point.len < 2 || k.point.data[0] != 0)
			return malformed(em);
		k.point.data++;
		k.point.len--;
	}
	if (seq.len)
		return malformed(em);
	trim_zeros(&k.d, k.curve->size);
	return ec_key_build(&k, out, em);
}

/* RFC 8410 section 7: an OCTET STRING inside. */
static enum err okp_private(const struct okp_curve *curve, struct bytes inner, EVP_PKEY **out, struct errmsg *em)
{
	struct okp_numbers k = { .curve = curve };
	if (!der_expect(&inner, DER_OCTET_STRING, &k.d) || inner.len || k.d.len == 0)
		return malformed(em);
	return okp_key_build(&k, out, em);
}

/* PrivateKeyInfo, RFC 5208 section 5; RFC 5958 section 2 adds a public half, which is computed here instead. */
static enum err pkcs8_private(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	struct bytes seq, version, algorithm, oid, parameter, inner;
	if (!der_expect(&der, DER_SEQUENCE, &seq) || der.len || !der_unsigned(&seq, &version) || version.len != 1 ||
	    version.data[0] > 1 || !der_expect(&seq, DER_SEQUENCE, &algorithm) ||
	    !der_expect(&algorithm, DER_OID, &oid) || !der_expect(&seq, DER_OCTET_STRING, &inner))
		return malformed(em);
	if (bytes_equal(oid, OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")))
		return pkcs1_private(inner, out, em);
	const struct okp_curve *okp = okp_curve_by_oid(oid);
	if (okp)
		return okp_private(okp, inner, out, em);
	const struct pqc_set *pqc = pqc_set_by_oid(oid);
	if (pqc)
		return pqc_private_parse(pqc, inner, out, em);
	if (!bytes_equal(oid, OID("\x2a\x86\x48\xce\x3d\x02\x01")))
		return err_set(em, ERR_UNSUPPORTED,
			       "private key of another kind than RSA, EC, Ed25519, Ed448, X25519, X448");
	if (!der_expect(&algorithm, DER_OID, &parameter))
		return err_set(em, ERR_UNSUPPORTED, "EC key whose curve is not named by its OID");
	const struct ec_curve *curve = NULL;
	enum err e = curve_of_oid(parameter, &curve, em);
	return e == OK ? sec1_private(inner, curve, out, em) : e;
}

enum der_form { FORM_UNKNOWN, FORM_PKCS8, FORM_PKCS8_ENCRYPTED, FORM_PKCS1, FORM_SEC1, FORM_PUBLIC };

static enum der_form der_form(struct bytes der)
{
	struct bytes seq;
	struct bytes ignored;
	if (!der_expect(&der, DER_SEQUENCE, &seq) || der.len)
		return FORM_UNKNOWN;
	if (der_expect(&seq, DER_SEQUENCE, &ignored))
		return der_peek(seq) == DER_OCTET_STRING ? FORM_PKCS8_ENCRYPTED
		       : der_peek(seq) == DER_BIT_STRING ? FORM_PUBLIC
							 : FORM_UNKNOWN;
	if (!der_unsigned(&seq, &ignored))
		return FORM_UNKNOWN;
	switch (der_peek(seq)) {
	case DER_SEQUENCE:
		return FORM_PKCS8;
	case DER_OCTET_STRING:
		return FORM_SEC1;
	case DER_INTEGER:
		/* RSAPublicKey is two INTEGERs, RSAPrivateKey nine. */
		return der_unsigned(&seq, &ignored) && seq.len == 0 ? FORM_PUBLIC : FORM_PKCS1;
	default:
		return FORM_UNKNOWN;
	}
}

static enum err der_private_plain(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	switch (der_form(der)) {
	case FORM_PKCS8:
		return pkcs8_private(der, out, em);
	case FORM_PKCS1:
		return pkcs1_private(der, out, em);
	case FORM_SEC1:
		return sec1_private(der, NULL, out, em);
	case FORM_PUBLIC:
		return err_set(em, ERR_PARSE, "a public key where a private one is wanted");
	default:
		return err_set(em, ERR_PARSE, "not a private key in a known form (PEM, DER, JWK)");
	}
}

/* With one wrong passphrase in 256 the padding looks right: then what comes out is no key. */
static enum err der_private_opened(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	if (der_form(der) == FORM_UNKNOWN)
		return err_set(em, ERR_AUTH, "the passphrase does not open this private key");
	return der_private_plain(der, out, em);
}

static enum err der_private(struct bytes der, const struct secret *passphrase, EVP_PKEY **out, struct errmsg *em)
{
	if (der_form(der) != FORM_PKCS8_ENCRYPTED)
		return der_private_plain(der, out, em);
	AUTO(secret) *plain = NULL;
	enum err e = key_pkcs8_decrypt(der, passphrase, &plain, em);
	return e == OK ? der_private_opened(secret_bytes(plain), out, em) : e;
}

static bool label_is_private(const struct pem_block *block)
{
	static const char *const labels[] = { "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY",
					      "EC PRIVATE KEY" };
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (pem_label_is(block, labels[i]))
			return true;
	return false;
}

/* The first private key of the file; certificates and parameters before it are passed over. */
static enum err pem_private(struct bytes text, const struct secret *passphrase, EVP_PKEY **out, struct errmsg *em)
{
	struct pem_block block = { 0 };
	enum err e;
	do {
		e = pem_next(&text, &block, em);
		if (e == ERR_NOT_FOUND)
			return err_set(em, ERR_PARSE, "no private key among the PEM blocks");
		if (e != OK)
			return e;
	} while (!label_is_private(&block));

	AUTO(secret) *der = NULL;
	if (key_pem_encrypted(&block)) {
		e = key_pem_decrypt(&block, passphrase, &der, em);
		return e == OK ? der_private_opened(secret_bytes(der), out, em) : e;
	}
	e = pem_decode(&block, &der, em);
	return e == OK ? der_private(secret_bytes(der), passphrase, out, em) : e;
}

static bool is_json(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n", text.data[i]) || text.data[i] == '\0')
			return text.data[i] == '{';
	return false;
}

enum err key_private_parse(struct bytes text, const struct secret *passphrase, EVP_PKEY **out, struct errmsg *em)
{
	*out = NULL;
	if (text.len > KEY_TEXT_MAX)
		return err_set(em, ERR_LIMIT, "private key of more than 1 MiB");
	if (is_json(text))
		return jwk_to_private(text, out, em);
	if (pem_present(text))
		return pem_private(text, passphrase, out, em);
	return der_private(text, passphrase, out, em);
}

/* What we can use: the same kinds as private keys. */
static enum err public_check(EVP_PKEY *key, struct errmsg *em)
{
	if (EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);
		if (bits < RSA_BITS_MIN || bits > 16384)
			return err_set(em, ERR_KEY, "RSA key of %d bits: %d to 16384 are supported", bits,
				       RSA_BITS_MIN);
		return OK;
	}
	if (ec_curve_of(key) || okp_curve_of(key) || pqc_set_of(key))
		return OK;
	return err_set(em, ERR_UNSUPPORTED,
		       "public key of another kind than RSA, P-256, P-384, P-521, Ed25519, Ed448, X25519, X448");
}

static enum err pkcs1_public(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	struct bytes seq;
	struct rsa_numbers k = { 0 };
	if (!der_expect(&der, DER_SEQUENCE, &seq) || der.len || !der_unsigned(&seq, &k.n) ||
	    !der_unsigned(&seq, &k.e) || seq.len)
		return err_set(em, ERR_PARSE, "malformed public key");
	return rsa_key_build(&k, RSA_BITS_MIN, out, em);
}

static enum err x509_read(struct bytes der, X509 **out, struct errmsg *em)
{
	const unsigned char *at = der.data;
	X509 *certificate = X509_new_ex(libctx(), NULL);
	if (!certificate)
		return err_nomem(em, "a certificate");
	if (!d2i_X509(&certificate, &at, (long)der.len) || at != der.data + der.len) {
		X509_free(certificate);
		return err_openssl(em, ERR_PARSE, "malformed certificate");
	}
	*out = certificate;
	return OK;
}

/* SubjectPublicKeyInfo, RFC 5280 4.1. By the decoder and not by d2i_PUBKEY_ex(), which makes a key of the old kind
 * where the application has a default ENGINE for keys of its type. */
static EVP_PKEY *spki_decode(struct bytes der)
{
	const unsigned char *at = der.data;
	size_t left = der.len;
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", "SubjectPublicKeyInfo", NULL,
							      EVP_PKEY_PUBLIC_KEY, libctx(), NULL);
	bool good = ctx && OSSL_DECODER_from_data(ctx, &at, &left) == 1 && key && left == 0;
	OSSL_DECODER_CTX_free(ctx);
	if (good)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static enum err spki_read(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = spki_decode(der);
	if (!key) {
		/* A decoder that had no memory does not always say so: only who fails twice is wrong. */
		openssl_errors_drop();
		key = spki_decode(der);
	}
	if (!key)
		return err_openssl(em, ERR_PARSE, "malformed public key");
	enum err e = public_check(key, em);
	if (e == OK)
		*out = steal(&key);
	return e;
}

static enum err public_of_certificate(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(X509) *certificate = NULL;
	enum err e = x509_read(der, &certificate, em);
	if (e != OK)
		return e;
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
	if (len <= 0)
		return err_openssl(em, ERR_UNSUPPORTED, "a certificate whose key cannot be used");
	e = spki_read((struct bytes){ spki, (size_t)len }, out, em);
	OPENSSL_free(spki);
	return e;
}

static enum err der_public(struct bytes der, EVP_PKEY **out, struct errmsg *em)
{
	struct bytes all = der;
	struct bytes seq;
	struct bytes ignored;
	if (!der_expect(&all, DER_SEQUENCE, &seq) || all.len)
		return err_set(em, ERR_PARSE, "not a public key in a known form (PEM, DER, certificate, JWK)");
	if (der_form(der) == FORM_PUBLIC)
		return der_peek(seq) == DER_INTEGER ? pkcs1_public(der, out, em) : spki_read(der, out, em);
	if (der_expect(&seq, DER_SEQUENCE, &ignored) && der_peek(seq) == DER_SEQUENCE)
		return public_of_certificate(der, out, em);
	if (der_form(der) != FORM_UNKNOWN)
		return err_set(em, ERR_KEY, "a private key where a public one is wanted: give its public half");
	return err_set(em, ERR_PARSE, "not a public key in a known form (PEM, DER, certificate, JWK)");
}

static enum err pem_public(struct bytes text, EVP_PKEY **out, struct errmsg *em)
{
	struct pem_block block = { 0 };
	for (;;) {
		enum err e = pem_next(&text, &block, em);
		if (e == ERR_NOT_FOUND)
			return err_set(em, ERR_PARSE, "no public key or certificate among the PEM blocks");
		if (e != OK)
			return e;
		if (label_is_private(&block))
			return err_set(em, ERR_KEY, "a private key where a public one is wanted: give its public half");
		if (!pem_label_is(&block, "PUBLIC KEY") && !pem_label_is(&block, "RSA PUBLIC KEY") &&
		    !pem_label_is(&block, "CERTIFICATE"))
			continue;
		AUTO(secret) *der = NULL;
		e = pem_decode(&block, &der, em);
		return e == OK ? der_public(secret_bytes(der), out, em) : e;
	}
}

static enum err jwk_public(struct bytes text, EVP_PKEY **out, struct errmsg *em)
{
	struct bytes ignored;
	enum err e = json_scan_member(text, (struct json_scan_path){ .path = "d" }, &ignored, em);
	if (e == OK)
		return err_set(em, ERR_KEY, "a private key where a public one is wanted: give its public half");
	if (e != ERR_NOT_FOUND)
		return e;
	AUTO_OF(json_object) *jwk = NULL;
	e = json_parse(text, KEY_TEXT_MAX, JSON_STRICT, &jwk, em);
	return e == OK ? jwk_to_public(jwk, out, em) : e;
}

enum err key_public_parse(struct bytes text, EVP_PKEY **out, struct errmsg *em)
{
	*out = NULL;
	if (text.len > KEY_TEXT_MAX)
		return err_set(em, ERR_LIMIT, "public key of more than 1 MiB");
	if (is_json(text))
		return jwk_public(text, out, em);
	return pem_present(text) ? pem_public(text, out, em) : der_public(text, out, em);
}

enum err key_certificate_parse(struct bytes text, X509 **out, struct errmsg *em)
{
	*out = NULL;
	if (text.len > KEY_TEXT_MAX)
		return err_set(em, ERR_LIMIT, "certificate of more than 1 MiB");
	if (!pem_present(text))
		return x509_read(text, out, em);
	struct pem_block block = { 0 };
	do {
		enum err e = pem_next(&text, &block, em);
		if (e == ERR_NOT_FOUND)
			return err_set(em, ERR_PARSE, "no certificate among the PEM blocks");
		if (e != OK)
			return e;
	} while (!pem_label_is(&block, "CERTIFICATE"));
	AUTO(secret) *der = NULL;
	enum err e = pem_decode(&block, &der, em);
	return e == OK ? x509_read(secret_bytes(der), out, em) : e;
}

enum err key_spki_sha256(EVP_PKEY *key, uint8_t out[32], struct errmsg *em)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	if (len <= 0)
		return err_openssl(em, ERR_CRYPTO, "cannot encode a public key");
	size_t size = 0;
	int good = EVP_Q_digest(libctx(), "SHA256", NULL, der, (size_t)len, out, &size);
	OPENSSL_free(der);
	return good == 1 && size == 32 ? OK : err_openssl(em, ERR_CRYPTO, "SHA-256");
}
