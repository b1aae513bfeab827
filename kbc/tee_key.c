#include "kbc/tee_key.h"

#include "common/crypto_gate.h"
#include "common/json_scan.h"
#include "common/jwk.h"
#include "common/libctx.h"

#include <openssl/core_names.h>
#include <string.h>

#define RSA_BITS 3072
#define CONTENT_ALG "A256GCM"

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

static const struct kind {
	const char *type;
	const char *curve; /* NULL: RSA */
	const char *alg;
} kinds[] = {
	{ "P-256", "P-256", "ECDH-ES+A256KW" },
	{ "P-521", "P-521", "ECDH-ES+A256KW" },
	{ "RSA", NULL, "RSA-OAEP-256" },
};

static enum err generate(const struct kind *kind, EVP_PKEY **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(libctx(), kind->curve ? LIBCTX_EC : LIBCTX_RSA, NULL);
	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0)
		return err_openssl(em, ERR_CRYPTO, "the TEE key cannot be made");
	char curve[8] = "";
	size_t bits = RSA_BITS;
	if (kind->curve)
		strcpy(curve, kind->curve);
	const OSSL_PARAM params[] = {
		kind->curve ? OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0)
			    : OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_CTX_set_params(ctx, params) <= 0 || EVP_PKEY_generate(ctx, out) <= 0)
		return err_openssl(em, ERR_CRYPTO, "the TEE key cannot be made");
	return OK;
}

/* OpenSSL writes into our buffer; what it uses on the way it wipes itself. */
static enum err to_der(EVP_PKEY *key, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *der = NULL;
	int len = i2d_PrivateKey(key, NULL);
	if (len <= 0)
		return err_openssl(em, ERR_CRYPTO, "the TEE key cannot be encoded");
	enum err e = secret_new((size_t)len, &der, em);
	if (e != OK)
		return e;
	unsigned char *to = secret_data(der);
	if (i2d_PrivateKey(key, &to) != len)
		return err_openssl(em, ERR_CRYPTO, "the TEE key cannot be encoded");
	*out = steal(&der);
	return OK;
}

static enum err make(const struct kind *kind, struct tee_key *out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	enum err e = generate(kind, &key, em);
	if (e == OK)
		e = to_der(key, &out->private_der, em);
	return e == OK ? jwk_from_public(key, kind->alg, &out->jwk, em) : e;
}

enum err tee_key_generate(const char *type, struct tee_key *out, struct errmsg *em)
{
	const struct kind *kind = NULL;
	*out = (struct tee_key){ .alg = NULL };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			kind = &kinds[i];
	if (!kind)
		return err_set(em, ERR_CONFIG, "a TEE key is P-256, P-521 or RSA, not \"%s\"", type);
	crypto_gate_enter();
	enum err e = make(kind, out, em);
	crypto_gate_leave();
	if (e != OK)
		tee_key_clear(out);
	out->alg = kind->alg;
	return e;
}

void tee_key_clear(struct tee_key *key)
{
	secret_free(key->private_der);
	json_object_put(key->jwk);
	*key = (struct tee_key){ .alg = NULL };
}

static bool is_text(const struct secret *s, const char *text)
{
	return bytes_equal(secret_bytes(s), bytes_str(text));
}

/* A member of a JSON object as text in the arena (not that it were secret: the scanner needs no json-c). */
static enum err member_text(struct bytes object, const char *name, struct secret **out, struct errmsg *em)
{
	struct bytes raw;
	enum err e = json_scan_member(object, (struct json_scan_path){ name, false }, &raw, em);
	if (e == ERR_NOT_FOUND)
		return err_set(em, ERR_PARSE, "it has no member \"%s\"", name);
	return e == OK ? json_scan_string(raw, out, em) : e;
}

/* jwe_decrypt takes every serialisation and algorithm; the protocol knows one for each key. */
static enum err check_form(struct bytes jwe, const char *alg, struct errmsg *em)
{
	AUTO(secret) *encoded = NULL;
	AUTO(secret) *header = NULL;
	AUTO(secret) *text = NULL;
	AUTO(secret) *enc = NULL;
	struct bytes several;
	enum err e = member_text(jwe, "protected", &encoded, em);
	if (e == OK)
		e = base64_decode_secret(BASE64_URL, secret_bytes(encoded), &header, em);
	if (e == OK)
		e = member_text(secret_bytes(header), "alg", &text, em);
	if (e == OK)
		e = member_text(secret_bytes(header), "enc", &enc, em);
	if (e != OK)
		return e;
	if (json_scan_member(jwe, (struct json_scan_path){ "recipients", false }, &several, NULL) == OK)
		return err_set(em, ERR_UNSUPPORTED, "it is not a flattened JWE");
	if (!is_text(text, alg) || !is_text(enc, CONTENT_ALG))
		return err_set(em, ERR_UNSUPPORTED, "it is sealed with other algorithms than %s and %s", alg,
			       CONTENT_ALG);
	return OK;
}

static enum err unseal(const struct secret *private_der, const struct tee_sealed *sealed, size_t most,
		       struct secret **out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	struct jwe_key opener;
	enum err e = key_private_parse(secret_bytes(private_der), NULL, &key, em);
	if (e == OK)
		e = jwe_key_from_pkey(key, &opener, em);
	if (e != OK)
		return err_wrap(em, e, "the TEE key");
	e = jwe_decrypt(sealed->jwe, most, &opener, out, em);
	return e == ERR_KEY ? ERR_INTEGRITY : e; /* sealed for another key than ours */
}

enum err tee_key_open(const struct secret *private_der, const char *alg, const struct tee_sealed *sealed,
		      struct secret **out, struct errmsg *em)
{
	size_t most = sealed->max / 3 * 4 + 4 + TEE_SEALED_OVERHEAD;
	if (sealed->jwe.len > most)
		return err_set(em, ERR_LIMIT, "it is larger than %zu bytes", most);
	enum err e = check_form(sealed->jwe, alg, em);
	if (e != OK)
		return e;
	AUTO(secret) *plain = NULL;
	crypto_gate_enter();
	e = unseal(private_der, sealed, most, &plain, em);
	crypto_gate_leave();
	if (e != OK)
		return e;
	if (secret_len(plain) > sealed->max)
		return err_set(em, ERR_LIMIT, "the resource is larger than %zu bytes", sealed->max);
	*out = steal(&plain);
	return OK;
}
