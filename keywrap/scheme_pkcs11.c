#define _GNU_SOURCE 1
#include "common/base64.h"
#include "common/json.h"
#include "common/libctx.h"
#include "keywrap/scheme.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdio.h>

/* {"version":0,"recipients":[{"version":0,"blob":"<base64>","hash":"sha1|sha256"}]}: RSAES-OAEP with an empty label,
 * MGF1 with the same hash. */

AUTO_OF_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

#define PRIVOPTS_LEN 193 /* with a SHA-256 digest */
#define RECIPIENTS_MAX 256

static const struct {
	const char *name; /* in the JSON */
	const char *algorithm;
	int len;
} hashes[] = { { "sha1", "SHA1", 20 }, { "sha256", "SHA256", 32 } };

/* An index of hashes[], or -1. */
static int hash_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (strcmp(hashes[i].name, name) == 0)
			return (int)i;
	return -1;
}

static enum err hash_for_writing(int *hash, struct errmsg *em)
{
	const char *wanted = secure_getenv("OCICRYPT_OAEP_HASHALG");
	*hash = hash_find(wanted && wanted[0] ? wanted : "sha256");
	if (*hash < 0)
		return err_set(em, ERR_CONFIG, "OCICRYPT_OAEP_HASHALG is \"%.32s\", and must be sha1 or sha256",
			       wanted);
	return OK;
}

/* RFC 8017 7.1.1: mLen <= k - 2 hLen - 2. */
static enum err room_check(EVP_PKEY *key, size_t len, int hash, struct errmsg *em)
{
	int bits = EVP_PKEY_get_bits(key);
	long room = (long)EVP_PKEY_get_size(key) - 2L * hashes[hash].len - 2;
	if (room >= (long)len)
		return OK;
	return err_set(em, ERR_UNSUPPORTED,
		       "an RSA-%d key with OAEP and %s holds %ld bytes, and a layer's options are %zu: use "
		       "OCICRYPT_OAEP_HASHALG=sha1 or an RSA-3072 key",
		       bits, hashes[hash].algorithm, room, len);
}

static enum err pkcs11_fits(EVP_PKEY *public_key, struct errmsg *em)
{
	int hash = 0;
	if (!EVP_PKEY_is_a(public_key, "RSA"))
		return err_set(em, ERR_UNSUPPORTED,
			       "the pkcs11 scheme knows RSA keys only: use jwe:FILE with this public key; its private "
			       "half may lie in a token there, too");
	enum err e = hash_for_writing(&hash, em);
	return e == OK ? room_check(public_key, PRIVOPTS_LEN, hash, em) : e;
}

static enum err oaep_encrypt(EVP_PKEY *key, int hash, struct bytes plain, struct buf *out, struct errmsg *em)
{
	const char *name = hashes[hash].algorithm;
	AUTO_OF(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), key, NULL);
	size_t len = 0;
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, name, NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, name, NULL) != 1 ||
	    EVP_PKEY_encrypt(ctx, NULL, &len, plain.data, plain.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "cannot start RSA-OAEP");
	enum err e = buf_reserve(out, len, em);
	if (e != OK)
		return e;
	if (EVP_PKEY_encrypt(ctx, out->data + out->len, &len, plain.data, plain.len) != 1)
		return err_openssl(em, ERR_CRYPTO, "RSA-OAEP failed");
	out->len += len;
	return OK;
}

static enum err recipient_write(struct wrap_key *key, int hash, struct bytes plain, struct buf *json, struct errmsg *em)
{
	AUTO_BUF
	blob = { 0 };
	AUTO_STR
	char *base64 = NULL;
	AUTO_STR
	char *text = NULL;
	enum err e = room_check(key->public_key, plain.len, hash, em);
	if (e == OK)
		e = oaep_encrypt(key->public_key, hash, plain, &blob, em);
	if (e != OK)
		return err_wrap(em, e, "%s", key->label);
	base64 = base64_encode(BASE64_STD, buf_bytes(&blob));
	if (!base64 ||
	    asprintf(&text, "{\"version\":0,\"blob\":\"%s\",\"hash\":\"%s\"}", base64, hashes[hash].name) < 0)
		return err_nomem(em, "a recipient");
	return buf_append(json, bytes_str(text), 0, em);
}

static enum err pkcs11_wrap(struct wrap_recipients to, struct bytes plain, struct buf *element, struct errmsg *em)
{
	int hash = 0;
	enum err e = hash_for_writing(&hash, em);
	if (e == OK && to.count > RECIPIENTS_MAX)
		e = err_set(em, ERR_LIMIT, "more than %d recipients", RECIPIENTS_MAX);
	if (e == OK)
		e = buf_append(element, bytes_str("{\"version\":0,\"recipients\":["), 0, em);
	for (size_t i = 0; e == OK && i < to.count; i++) {
		e = i ? buf_append(element, bytes_str(","), 0, em) : OK;
		if (e == OK)
			e = recipient_write(to.keys[i], hash, plain, element, em);
	}
	return e == OK ? buf_append(element, bytes_str("]}"), 0, em) : e;
}

static enum err version_check(json_object *obj, struct errmsg *em)
{
	int64_t version = 0;
	enum err e = json_get_int_opt(obj, "version", INT32_MIN, INT32_MAX, &version, em);
	if (e == OK && version != 0)
		e = err_set(em, ERR_UNSUPPORTED, "version %lld (known: 0)", (long long)version);
	return e;
}

static enum err recipient_unwrap(const struct jwe_key *ops, json_object *recipient, struct secret **plain,
				 struct errmsg *em)
{
	const char *base64 = NULL;
	const char *hash_name = "";
	AUTO_BUF
	blob = { 0 };
	enum err e = version_check(recipient, em);
	if (e == OK)
		e = json_get_string(recipient, "blob", &base64, em);
	if (e == OK)
		e = json_get_string_opt(recipient, "hash", &hash_name, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(base64), &blob, em);
	if (e != OK)
		return e;
	int hash = hash_find(hash_name[0] ? hash_name : "sha1"); /* empty or absent means SHA-1 */
	if (hash < 0)
		return err_set(em, ERR_UNSUPPORTED, "unknown hash \"%.32s\"", hash_name);
	return ops->oaep_decrypt(ops->ctx, hashes[hash].algorithm, buf_bytes(&blob), plain, em);
}

/* The most telling reason is that of the recipient which was tried last with this key. */
static enum err recipients_unwrap(struct unwrap_key *key, json_object *recipients, struct secret **plain,
				  struct errmsg *em)
{
	struct jwe_key ops = { 0 };
	size_t count = json_object_array_length(recipients);
	if (count == 0 || count > RECIPIENTS_MAX)
		return err_set(em, ERR_LIMIT, "%zu recipients (1 to %d are good)", count, RECIPIENTS_MAX);
	enum err e = unwrap_key_ops(key, &ops, em);
	if (e != OK)
		return e;
	if (!ops.oaep_decrypt)
		return err_set(em, ERR_KEY, "an EC key opens no recipient of the pkcs11 scheme");
	e = ERR_KEY;
	for (size_t i = 0; i < count; i++) {
		e = recipient_unwrap(&ops, json_object_array_get_idx(recipients, i), plain, em);
		if (e == OK || e == ERR_AUTH || e == ERR_DENIED || e == ERR_NET || e == ERR_TIMEOUT)
			return e;
	}
	return count == 1 ? e : err_wrap(em, e, "none of %zu recipients; the last", count);
}

static enum err pkcs11_unwrap(struct unwrap_key *key, struct bytes element, struct secret **plain, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	json_object *recipients = NULL;
	enum err e = json_parse(element, WRAP_ELEMENT_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = version_check(root, em);
	if (e == OK)
		e = json_get_array_opt(root, "recipients", &recipients, em);
	if (e != OK)
		return e;
	if (!recipients)
		return err_set(em, ERR_PARSE, "no \"recipients\"");
	return recipients_unwrap(key, recipients, plain, em);
}

const struct wrap_scheme scheme_pkcs11 = {
	.name = "pkcs11",
	.annotation = ANNOTATION_KEYS "pkcs11",
	.fits = pkcs11_fits,
	.wrap = pkcs11_wrap,
	.unwrap = pkcs11_unwrap,
	.kind = &element_pkcs11,
};
