#include "common/jws.h"

#include "common/base64.h"
#include "common/key_build.h"
#include "common/libctx.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)
AUTO_OF_DEFINE(ECDSA_SIG, ECDSA_SIG_free)

#define JWS_MAX (4 * 1024 * 1024)
#define HEADER_MAX (256 * 1024)

/* RFC 7518 3.1, RFC 8037 3.1. The first row of a kind of key is what we sign with. */
struct jws_alg {
	const char *name;
	const char *type; /* of the key, in OpenSSL's words */
	const char *crv; /* RFC 7518 3.4: each ECDSA algorithm has its curve */
	const char *digest;
	int padding;
};

static const struct jws_alg algs[] = {
	{ "ES256", "EC", "P-256", "SHA256", 0 },
	{ "ES384", "EC", "P-384", "SHA384", 0 },
	{ "ES512", "EC", "P-521", "SHA512", 0 },
	{ "EdDSA", "ED25519", NULL, NULL, 0 },
	{ "PS256", "RSA", NULL, "SHA256", RSA_PKCS1_PSS_PADDING },
	{ "RS256", "RSA", NULL, "SHA256", RSA_PKCS1_PADDING },
};

static bool alg_fits(const struct jws_alg *alg, EVP_PKEY *key)
{
	if (!EVP_PKEY_is_a(key, alg->type))
		return false;
	if (!alg->crv)
		return true;
	const struct ec_curve *curve = ec_curve_of(key);
	return curve && strcmp(curve->crv, alg->crv) == 0;
}

void jws_free(struct jws *jws)
{
	if (!jws)
		return;
	json_object_put(jws->header);
	buf_clear(&jws->payload);
	buf_clear(&jws->signature);
	buf_clear(&jws->signing_input);
	free(jws);
}

static enum err parse_header(struct bytes text, struct jws *jws, struct errmsg *em)
{
	AUTO_BUF
	header = { 0 };
	enum err e = base64_decode(BASE64_URL, text, &header, em);
	if (e == OK)
		e = json_parse(buf_bytes(&header), HEADER_MAX, JSON_STRICT, &jws->header, em);
	if (e == OK && !json_object_is_type(jws->header, json_type_object))
		e = err_set(em, ERR_PARSE, "not an object");
	return e == OK ? OK : err_wrap(em, e, "JWS header");
}

enum err jws_parse(struct bytes compact, struct jws **out, struct errmsg *em)
{
	if (compact.len > JWS_MAX)
		return err_set(em, ERR_LIMIT, "JWS of more than %d bytes", JWS_MAX);
	const uint8_t *first = compact.len ? memchr(compact.data, '.', compact.len) : NULL;
	const uint8_t *end = compact.data + compact.len;
	const uint8_t *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return err_set(em, ERR_PARSE, "JWS: three parts are wanted");
	AUTO(jws) *jws = calloc(1, sizeof *jws);
	if (!jws)
		return err_nomem(em, "a JWS");
	enum err e = parse_header((struct bytes){ compact.data, (size_t)(first - compact.data) }, jws, em);
	if (e != OK)
		return e;
	struct bytes payload = { first + 1, (size_t)(second - first - 1) };
	struct bytes signature = { second + 1, (size_t)(end - second - 1) };
	e = base64_decode(BASE64_URL, payload, &jws->payload, em);
	if (e != OK)
		return err_wrap(em, e, "JWS payload");
	e = base64_decode(BASE64_URL, signature, &jws->signature, em);
	if (e != OK)
		return err_wrap(em, e, "JWS signature");
	e = buf_append(&jws->signing_input, (struct bytes){ compact.data, (size_t)(second - compact.data) }, 0, em);
	if (e == OK)
		*out = steal(&jws);
	return e;
}

/* RFC 7518 3.4: R || S, each as long as the field, to what OpenSSL reads. *der: OPENSSL_free. */
static enum err ecdsa_to_der(struct bytes raw, size_t size, unsigned char **der, int *len)
{
	AUTO_OF(ECDSA_SIG) *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, (int)size, NULL);
	BIGNUM *s = BN_bin2bn(raw.data + size, (int)size, NULL);
	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return ERR_NOMEM;
	}
	*len = i2d_ECDSA_SIG(sig, der);
	return *len > 0 ? OK : ERR_NOMEM;
}

static bool padding_set(EVP_PKEY_CTX *ctx, const struct jws_alg *alg)
{
	if (!alg->padding)
		return true;
	if (EVP_PKEY_CTX_set_rsa_padding(ctx, alg->padding) != 1)
		return false;
	/* RFC 7518 3.5: the salt is as long as the digest. */
	return alg->padding != RSA_PKCS1_PSS_PADDING ||
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static enum err verify_with(const struct jws_alg *alg, struct bytes input, struct bytes signature, EVP_PKEY *key,
			    struct errmsg *em)
{
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	if (!ctx || EVP_DigestVerifyInit_ex(ctx, &key_ctx, alg->digest, libctx(), NULL, key, NULL) != 1 ||
	    !padding_set(key_ctx, alg))
		return err_openssl(em, ERR_CRYPTO, "cannot verify %s", alg->name);
	if (EVP_DigestVerify(ctx, signature.data, signature.len, input.data, input.len) == 1)
		return OK;
	return err_openssl(em, ERR_INTEGRITY, "the signature (%s) does not hold", alg->name);
}

static enum err alg_choose(const char *name, EVP_PKEY *key, const struct jws_alg **out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (strcmp(algs[i].name, name) != 0)
			continue;
		if (!alg_fits(&algs[i], key))
			return err_set(em, ERR_INTEGRITY, "%s does not belong to this kind of key", name);
		*out = &algs[i];
		return OK;
	}
	return err_set(em, ERR_INTEGRITY, "algorithm \"%.32s\" is not accepted", name);
}

enum err jws_check_bytes(const char *name, struct bytes input, struct bytes signature, EVP_PKEY *key, struct errmsg *em)
{
	const struct jws_alg *alg = NULL;
	enum err e = alg_choose(name, key, &alg, em);
	if (e != OK)
		return e;
	if (!alg->crv)
		return verify_with(alg, input, signature, key, em);
	size_t size = ec_curve_of(key)->size;
	if (signature.len != 2 * size)
		return err_set(em, ERR_INTEGRITY, "the signature (%s) has %zu bytes instead of %zu", alg->name,
			       signature.len, 2 * size);
	unsigned char *der = NULL;
	int len = 0;
	e = ecdsa_to_der(signature, size, &der, &len);
	if (e != OK)
		return err_set(em, e, "no memory for a signature");
	e = verify_with(alg, input, (struct bytes){ der, (size_t)len }, key, em);
	OPENSSL_free(der);
	return e;
}

enum err jws_verify(const struct jws *jws, EVP_PKEY *key, struct errmsg *em)
{
	const char *name = NULL;
	enum err e = json_get_string(jws->header, "alg", &name, em);
	if (e != OK)
		return err_wrap(em, e, "JWS header");
	/* RFC 7515 4.1.11: we understand no extension; RFC 7797 would change what is signed. */
	if (json_object_object_get_ex(jws->header, "crit", NULL) || json_object_object_get_ex(jws->header, "b64", NULL))
		return err_set(em, ERR_UNSUPPORTED, "JWS with critical extensions");
	e = jws_check_bytes(name, buf_bytes(&jws->signing_input), buf_bytes(&jws->signature), key, em);
	return e == OK ? OK : err_wrap(em, e, "JWS");
}

/* R || S in place of DER; `sig` holds both forms' room. */
static enum err ecdsa_from_der(struct buf *sig, size_t size, struct errmsg *em)
{
	const unsigned char *at = sig->data;
	AUTO_OF(ECDSA_SIG) *parsed = d2i_ECDSA_SIG(NULL, &at, (long)sig->len);
	uint8_t raw[2 * 66];
	if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, (int)size) < 0 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + size, (int)size) < 0)
		return err_openssl(em, ERR_CRYPTO, "cannot encode a signature");
	buf_clear(sig);
	return buf_append(sig, (struct bytes){ raw, 2 * size }, 0, em);
}

static enum err sign_with(const struct jws_alg *alg, EVP_PKEY *key, struct bytes input, struct buf *out,
			  struct errmsg *em)
{
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	size_t len = 0;
	if (!ctx || EVP_DigestSignInit_ex(ctx, &key_ctx, alg->digest, libctx(), NULL, key, NULL) != 1 ||
	    !padding_set(key_ctx, alg) || EVP_DigestSign(ctx, NULL, &len, input.data, input.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot sign %s", alg->name);
	enum err e = buf_reserve(out, len, em);
	if (e != OK)
		return e;
	if (EVP_DigestSign(ctx, out->data, &len, input.data, input.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot sign %s", alg->name);
	out->len = len;
	return alg->crv ? ecdsa_from_der(out, ec_curve_of(key)->size, em) : OK;
}

static enum err append_base64(struct buf *to, struct bytes from, struct errmsg *em)
{
	AUTO_STR
	char *text = base64_encode(BASE64_URL, from);
	return text ? buf_append(to, bytes_str(text), 0, em) : err_nomem(em, "a JWS");
}

static bool members_add(json_object *to, json_object *from)
{
	json_object_object_foreach(from, name, value)
	{
		if (!json_add(to, name, json_object_get(value)))
			return false;
	}
	return true;
}

/* The header with "alg" set, as text. malloc'd. */
static char *header_text(json_object *header, const char *alg)
{
	AUTO_OF(json_object) *with = json_object_new_object();
	if (!with || (header && !members_add(with, header)))
		return NULL;
	return json_add_text(with, "alg", alg) ? json_text(with) : NULL;
}

static const struct jws_alg *alg_of(EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (alg_fits(&algs[i], key))
			return &algs[i];
	return NULL;
}

const char *jws_alg_of(EVP_PKEY *key)
{
	const struct jws_alg *alg = alg_of(key);
	return alg ? alg->name : NULL;
}

enum err jws_sign_bytes(EVP_PKEY *key, struct bytes input, struct buf *signature, struct errmsg *em)
{
	const struct jws_alg *alg = alg_of(key);
	return alg ? sign_with(alg, key, input, signature, em)
		   : err_set(em, ERR_KEY, "a key of this kind signs nothing");
}

enum err jws_sign(EVP_PKEY *key, json_object *header, struct bytes payload, char **compact, struct errmsg *em)
{
	const struct jws_alg *alg = alg_of(key);
	if (!alg)
		return err_set(em, ERR_KEY, "a key of this kind signs no JWS");
	AUTO_STR
	char *head = header_text(header, alg->name);
	if (!head)
		return err_nomem(em, "a JWS");
	AUTO_BUF
	text = { 0 };
	AUTO_BUF
	signature = { 0 };
	enum err e = append_base64(&text, bytes_str(head), em);
	if (e == OK)
		e = buf_append(&text, bytes_str("."), 0, em);
	if (e == OK)
		e = append_base64(&text, payload, em);
	if (e == OK)
		e = sign_with(alg, key, buf_bytes(&text), &signature, em);
	if (e == OK)
		e = buf_append(&text, bytes_str("."), 0, em);
	if (e == OK)
		e = append_base64(&text, buf_bytes(&signature), em);
	if (e != OK)
		return e;
	char *result = buf_cstr(&text);
	if (!result)
		return err_nomem(em, "a JWS");
	*compact = result;
	text = (struct buf){ 0 };
	return OK;
}
