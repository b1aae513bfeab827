#include "image/signature_cosign.h"

#include "common/base64.h"

#include <stdio.h>

/* Rekor's promise to hold a signature ("signed entry timestamp"), checked without asking the log. */

#define BUNDLE_MAX ((size_t)1 << 20)

static enum err base64_member(json_object *json, const char *name, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(json, name, &text, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(text), out, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

static enum err promise_check(json_object *payload, struct bytes promise, EVP_PKEY *const *keys, size_t count,
			      struct errmsg *em)
{
	AUTO_STR
	char *text = NULL;
	enum err e = json_canonical(payload, &text, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < count; i++)
		if (EVP_PKEY_is_a(keys[i], "EC") && cosign_verify(keys[i], bytes_str(text), promise, NULL) == OK)
			return OK;
	return err_set(em, ERR_DENIED, "no rekor key of the policy made the SignedEntryTimestamp");
}

/* The entry is about this very signature, key and statement. */
struct entry {
	struct bytes signature;
	struct bytes payload;
	EVP_PKEY *signer;
};

static enum err hash_check(json_object *spec, const struct entry *want, struct errmsg *em)
{
	json_object *data = NULL;
	json_object *hash = NULL;
	const char *algorithm = NULL;
	const char *value = NULL;
	char digest[IMAGE_DIGEST_SIZE];
	enum err e = json_get_object(spec, "data", &data, em);
	if (e == OK)
		e = json_get_object(data, "hash", &hash, em);
	if (e == OK)
		e = json_get_string(hash, "algorithm", &algorithm, em);
	if (e == OK)
		e = json_get_string(hash, "value", &value, em);
	if (e == OK)
		e = digest_of(want->payload, digest, em);
	if (e == OK && (strcmp(algorithm, "sha256") != 0 || strcmp(digest + strlen("sha256:"), value) != 0))
		e = err_set(em, ERR_DENIED, "its hash is of another statement");
	return e;
}

static enum err signer_check(json_object *signature, const struct entry *want, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	AUTO_OF(EVP_PKEY) *key = NULL;
	json_object *object = NULL;
	enum err e = json_get_object(signature, "publicKey", &object, em);
	if (e == OK)
		e = base64_member(object, "content", &text, em);
	if (e == OK)
		e = key_public_parse(buf_bytes(&text), &key, em);
	if (e == OK && EVP_PKEY_eq(key, want->signer) != 1)
		e = err_set(em, ERR_DENIED, "it is about another key");
	return e;
}

static enum err spec_check(json_object *spec, const struct entry *want, struct errmsg *em)
{
	AUTO_BUF
	content = { 0 };
	json_object *signature = NULL;
	enum err e = json_get_object(spec, "signature", &signature, em);
	if (e == OK)
		e = base64_member(signature, "content", &content, em);
	if (e == OK && !bytes_equal(buf_bytes(&content), want->signature))
		e = err_set(em, ERR_DENIED, "it is about another signature");
	if (e == OK)
		e = signer_check(signature, want, em);
	return e == OK ? hash_check(spec, want, em) : e;
}

static enum err body_check(struct bytes body, const struct entry *want, struct errmsg *em)
{
	static const char *const names[] = { "apiVersion", "kind", "spec", NULL };
	AUTO_OF(json_object) *root = NULL;
	json_object *spec = NULL;
	const char *version = NULL;
	const char *kind = NULL;
	enum err e = json_parse(body, BUNDLE_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		e = err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = json_get_string(root, "apiVersion", &version, em);
	if (e == OK)
		e = json_get_string(root, "kind", &kind, em);
	if (e == OK && (strcmp(kind, "hashedrekord") != 0 || strcmp(version, "0.0.1") != 0))
		e = err_set(em, ERR_UNSUPPORTED, "it is no hashedrekord 0.0.1");
	if (e == OK)
		e = json_get_object(root, "spec", &spec, em);
	return e == OK ? spec_check(spec, want, em) : e;
}

static enum err payload_check(json_object *payload, const struct entry *want, struct errmsg *em)
{
	static const char *const names[] = { "body", "integratedTime", "logIndex", "logID", NULL };
	AUTO_BUF
	body = { 0 };
	const char *log = NULL;
	int64_t number = -1;
	enum err e = json_only_members(payload, names, em);
	if (e == OK)
		e = json_get_string(payload, "logID", &log, em);
	if (e == OK)
		e = json_get_int_opt(payload, "integratedTime", 1, INT64_C(1) << 53, &number, em);
	if (e == OK && number < 0)
		e = err_set(em, ERR_PARSE, "\"integratedTime\" is missing");
	number = -1;
	if (e == OK)
		e = json_get_int_opt(payload, "logIndex", 0, INT64_C(1) << 53, &number, em);
	if (e == OK && number < 0)
		e = err_set(em, ERR_PARSE, "\"logIndex\" is missing");
	if (e == OK)
		e = base64_member(payload, "body", &body, em);
	if (e != OK)
		return e;
	e = body_check(buf_bytes(&body), want, em);
	return e == OK ? OK : err_wrap(em, e, "the log's entry");
}

enum err rekor_verify(const struct cosign_signature *s, EVP_PKEY *signer, EVP_PKEY *const *log_keys, size_t count,
		      struct errmsg *em)
{
	static const char *const names[] = { "SignedEntryTimestamp", "Payload", NULL };
	AUTO_OF(json_object) *root = NULL;
	AUTO_BUF
	promise = { 0 };
	AUTO_BUF
	signature = { 0 };
	json_object *payload = NULL;
	if (!s->bundle)
		return err_set(em, ERR_DENIED, "it carries no proof of a transparency log");
	enum err e = json_parse(bytes_str(s->bundle), BUNDLE_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		e = err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = base64_member(root, "SignedEntryTimestamp", &promise, em);
	if (e == OK)
		e = json_get_object(root, "Payload", &payload, em);
	if (e == OK)
		e = promise_check(payload, buf_bytes(&promise), log_keys, count, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(s->signature), &signature, em);
	struct entry want = { buf_bytes(&signature), buf_bytes(&s->payload), signer };
	if (e == OK)
		e = payload_check(payload, &want, em);
	return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "the transparency log's proof");
}
