#define _GNU_SOURCE 1
#include "keywrap/layer_options.h"

#include "common/json_scan.h"

#include <stdio.h>

#define CIPHER_NAME "AES_256_CTR_HMAC_SHA256"
#define PUBOPTS_MAX ((size_t)64 * 1024)

void layer_options_clear(struct layer_options *o)
{
	secret_free(o->symkey);
	*o = (struct layer_options){ 0 };
}

/* Appends to the secret `s`, whose space was counted before. */
static void put(struct secret *s, size_t *at, struct bytes what)
{
	memcpy(secret_data(s) + *at, what.data, what.len);
	*at += what.len;
}

enum err privopts_write(const struct layer_options *o, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *key = NULL;
	AUTO(secret) *text = NULL;
	AUTO_STR
	char *nonce = base64_encode(BASE64_STD, BYTES(o->nonce));
	if (!nonce)
		return err_nomem(em, "a layer's options");
	enum err e = base64_encode_secret(BASE64_STD, secret_bytes(o->symkey), &key, em);
	if (e != OK)
		return e;
	const struct bytes parts[] = {
		bytes_str("{\"symkey\":\""),
		secret_bytes(key),
		bytes_str("\",\"digest\":\""),
		bytes_str(o->digest),
		bytes_str("\",\"cipheroptions\":{\"nonce\":\""),
		bytes_str(nonce),
		bytes_str("\"}}"),
	};
	size_t len = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		len += parts[i].len;
	e = secret_new(len, &text, em);
	if (e != OK)
		return e;
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		put(text, &at, parts[i]);
	*out = steal(&text);
	return OK;
}

enum err pubopts_write(const struct layer_options *o, char **base64, struct errmsg *em)
{
	AUTO_STR
	char *hmac = base64_encode(BASE64_STD, BYTES(o->hmac));
	AUTO_STR
	char *json = NULL;
	if (!hmac || asprintf(&json, "{\"cipher\":\"" CIPHER_NAME "\",\"hmac\":\"%s\",\"cipheroptions\":{}}", hmac) < 0)
		return err_nomem(em, "a layer's options");
	*base64 = base64_encode(BASE64_STD, bytes_str(json));
	return *base64 ? OK : err_nomem(em, "a layer's options");
}

/* A member that may be missing or null: raw->data stays NULL then. */
static enum err member_opt(struct bytes json, const char *path, struct bytes *raw, struct errmsg *em)
{
	*raw = (struct bytes){ 0 };
	struct errmsg missing = { "" };
	enum err e = json_scan_member(json, (struct json_scan_path){ .path = path, .any_case = true }, raw, &missing);
	if (e == ERR_NOT_FOUND || (e == OK && bytes_equal(*raw, bytes_str("null")))) {
		*raw = (struct bytes){ 0 };
		return OK;
	}
	return e == OK ? OK : err_set(em, e, "%s", missing.text);
}

/* A base64 member of exactly `len` bytes. */
static enum err member_bytes(struct bytes raw, const char *name, struct secret **out, size_t len, struct errmsg *em)
{
	if (!raw.data)
		return err_set(em, ERR_PARSE, "no \"%s\"", name);
	enum err e = json_scan_base64(raw, BASE64_STD, out, em);
	if (e != OK)
		return err_wrap(em, e, "\"%s\"", name);
	if (secret_len(*out) != len)
		return err_set(em, ERR_PARSE, "\"%s\" holds %zu bytes instead of %zu", name, secret_len(*out), len);
	return OK;
}

/* *found = false where `json` has no nonce. */
static enum err nonce_read(struct bytes json, uint8_t nonce[LAYER_NONCE_LEN], bool *found, struct errmsg *em)
{
	struct bytes raw;
	AUTO(secret) *value = NULL;
	*found = false;
	enum err e = member_opt(json, "cipheroptions", &raw, em);
	if (e != OK || !raw.data)
		return e;
	if (raw.data[0] != '{')
		return err_set(em, ERR_PARSE, "\"cipheroptions\" is not an object");
	e = member_opt(json, "cipheroptions.nonce", &raw, em);
	if (e != OK || !raw.data)
		return e;
	e = member_bytes(raw, "nonce", &value, LAYER_NONCE_LEN, em);
	if (e != OK)
		return e;
	memcpy(nonce, secret_bytes(value).data, LAYER_NONCE_LEN);
	*found = true;
	return OK;
}

static enum err digest_read(struct bytes json, char to[LAYER_DIGEST_TEXT], struct errmsg *em)
{
	struct bytes raw;
	AUTO(secret) *text = NULL;
	enum err e = member_opt(json, "digest", &raw, em);
	if (e != OK || !raw.data)
		return e;
	e = json_scan_string(raw, &text, em);
	if (e != OK)
		return err_wrap(em, e, "\"digest\"");
	struct bytes digest = secret_bytes(text);
	if (digest.len >= LAYER_DIGEST_TEXT || (digest.len && memchr(digest.data, '\0', digest.len)))
		return err_set(em, ERR_PARSE, "\"digest\" is not a digest");
	if (digest.len)
		memcpy(to, digest.data, digest.len);
	to[digest.len] = '\0';
	return OK;
}

static enum err privopts_read(const struct secret *priv, struct layer_options *out, bool *nonce, struct errmsg *em)
{
	struct bytes raw;
	struct bytes json = secret_bytes(priv);
	enum err e = json_scan_valid(json, em);
	if (e == OK)
		e = member_opt(json, "symkey", &raw, em);
	if (e == OK)
		e = member_bytes(raw, "symkey", &out->symkey, LAYER_KEY_LEN, em);
	if (e == OK)
		e = digest_read(json, out->digest, em);
	if (e == OK)
		e = nonce_read(json, out->nonce, nonce, em);
	return e == OK ? OK : err_wrap(em, e, "the layer's private options");
}

static enum err cipher_check(struct bytes json, struct errmsg *em)
{
	struct bytes raw;
	AUTO(secret) *name = NULL;
	enum err e = member_opt(json, "cipher", &raw, em);
	if (e != OK)
		return e;
	if (!raw.data)
		return err_set(em, ERR_PARSE, "no \"cipher\"");
	e = json_scan_string(raw, &name, em);
	if (e != OK)
		return err_wrap(em, e, "\"cipher\"");
	if (!bytes_equal(secret_bytes(name), bytes_str(CIPHER_NAME)))
		return err_set(em, ERR_UNSUPPORTED, "unknown cipher \"%.*s\" (known: " CIPHER_NAME ")",
			       (int)(secret_len(name) < 64 ? secret_len(name) : 64),
			       (const char *)secret_bytes(name).data);
	return OK;
}

static enum err pubopts_read(const char *pub, struct layer_options *out, bool *nonce, struct errmsg *em)
{
	AUTO_BUF
	json = { 0 };
	AUTO(secret) *hmac = NULL;
	struct bytes raw;
	if (strlen(pub) > PUBOPTS_MAX)
		return err_set(em, ERR_LIMIT, "more than %zu bytes", PUBOPTS_MAX);
	enum err e = base64_decode(BASE64_STD, bytes_str(pub), &json, em);
	if (e == OK)
		e = json_scan_valid(buf_bytes(&json), em);
	if (e == OK)
		e = cipher_check(buf_bytes(&json), em);
	if (e == OK)
		e = member_opt(buf_bytes(&json), "hmac", &raw, em);
	if (e == OK)
		e = member_bytes(raw, "hmac", &hmac, LAYER_HMAC_LEN, em);
	if (e != OK)
		return e;
	memcpy(out->hmac, secret_bytes(hmac).data, LAYER_HMAC_LEN);
	return nonce_read(buf_bytes(&json), out->nonce, nonce, em);
}

enum err layer_options_read(struct layer_options_text from, struct layer_options *out, struct errmsg *em)
{
	AUTO_LAYER_OPTIONS o = { 0 };
	bool private_nonce = false;
	bool public_nonce = false;
	if (!from.pub || !from.pub[0])
		return err_set(em, ERR_PARSE, "the annotation org.opencontainers.image.enc.pubopts is missing");
	enum err e = privopts_read(from.priv, &o, &private_nonce, em);
	if (e != OK)
		return e;
	e = pubopts_read(from.pub, &o, &public_nonce, em); /* second: its nonce wins */
	if (e != OK)
		return err_wrap(em, e, "the annotation org.opencontainers.image.enc.pubopts");
	if (!private_nonce && !public_nonce)
		return err_set(em, ERR_PARSE, "the layer's options hold no nonce");
	*out = o;
	o.symkey = NULL;
	return OK;
}

enum err privopts_check(const struct secret *priv, struct errmsg *em)
{
	AUTO_LAYER_OPTIONS o = { 0 };
	bool nonce = false;
	return privopts_read(priv, &o, &nonce, em);
}
