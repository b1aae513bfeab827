#include "image/signature_cosign.h"

#include "common/base64.h"
#include "image/proto_json.h"

#include <stdio.h>

/* Rekor's promise to hold a signature ("signed entry timestamp"), checked without asking the log. */

#define BUNDLE_MAX ((size_t)1 << 20)

static enum err promise_check(json_object *payload, struct bytes promise, const struct key_set *logs, struct errmsg *em)
{
	AUTO_STR
	char *text = NULL;
	enum err e = json_canonical(payload, &text, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < logs->count; i++)
		if (EVP_PKEY_is_a(logs->keys[i], "EC") &&
		    cosign_verify(logs->keys[i], bytes_str(text), promise, NULL) == OK)
			return OK;
	return err_set(em, ERR_DENIED, "no rekor key of the policy made the SignedEntryTimestamp");
}

/* The entry is about this very signature, key and statement. */
struct entry {
	struct bytes signature;
	const struct rekor_claim *claim;
};

/* "<name>":{"algorithm":"sha256","value":HEX} */
static enum err hash_check(json_object *json, const char *name, struct bytes of, struct errmsg *em)
{
	json_object *hash = NULL;
	const char *algorithm = NULL;
	const char *value = NULL;
	char digest[IMAGE_DIGEST_SIZE];
	enum err e = json_get_object(json, name, &hash, em);
	if (e == OK)
		e = json_get_string(hash, "algorithm", &algorithm, em);
	if (e == OK)
		e = json_get_string(hash, "value", &value, em);
	if (e == OK)
		e = digest_of(of, digest, em);
	if (e == OK && (strcmp(algorithm, "sha256") != 0 || strcmp(digest + strlen("sha256:"), value) != 0))
		e = err_set(em, ERR_DENIED, "its hash is of another statement");
	return e;
}

/* The very certificate; or the key, and no certificate of it: that would be another's word. */
static enum err signer_check(struct bytes text, const struct entry *want, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(X509) *certificate = NULL;
	X509 *wanted = want->claim->certificate;
	bool same = false;
	enum err e = key_certificate_parse(text, &certificate, wanted ? em : NULL);
	if (wanted) {
		same = e == OK && X509_cmp(certificate, wanted) == 0;
	} else if (!certificate) {
		e = key_public_parse(text, &key, em);
		same = e == OK && EVP_PKEY_eq(key, want->claim->signer) == 1;
	}
	return e != OK || same ? e : err_set(em, ERR_DENIED, "it is about another key");
}

static enum err signature_check(json_object *json, const char *name, const struct entry *want, struct errmsg *em)
{
	AUTO_BUF
	content = { 0 };
	enum err e = proto_bytes(json, name, &content, em);
	if (e == OK && !bytes_equal(buf_bytes(&content), want->signature))
		e = err_set(em, ERR_DENIED, "it is about another signature");
	return e;
}

/* hashedrekord 0.0.1: the hash of what is signed. */
static enum err record_check(json_object *spec, const struct entry *want, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	json_object *signature = NULL;
	json_object *key = NULL;
	json_object *data = NULL;
	enum err e = json_get_object(spec, "signature", &signature, em);
	if (e == OK)
		e = signature_check(signature, "content", want, em);
	if (e == OK)
		e = json_get_object(signature, "publicKey", &key, em);
	if (e == OK)
		e = proto_bytes(key, "content", &text, em);
	if (e == OK)
		e = signer_check(buf_bytes(&text), want, em);
	if (e == OK)
		e = json_get_object(spec, "data", &data, em);
	return e == OK ? hash_check(data, "hash", want->claim->message, em) : e;
}

/* dsse 0.0.1: the hash of the envelope's payload, and its one signature. */
static enum err envelope_check(json_object *spec, const struct entry *want, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	json_object *list = NULL;
	if (want->claim->signature->form != SIGSTORE_STATEMENT)
		return err_set(em, ERR_DENIED, "it is of an envelope");
	enum err e = json_get_array_opt(spec, "signatures", &list, em);
	json_object *one = list && json_object_array_length(list) == 1 ? json_object_array_get_idx(list, 0) : NULL;
	if (e == OK && !json_object_is_type(one, json_type_object))
		e = err_set(em, ERR_PARSE, "it has not exactly one signature");
	if (e == OK)
		e = signature_check(one, "signature", want, em);
	if (e == OK)
		e = proto_bytes(one, "verifier", &text, em);
	if (e == OK)
		e = signer_check(buf_bytes(&text), want, em);
	return e == OK ? hash_check(spec, "payloadHash", buf_bytes(&want->claim->signature->payload), em) : e;
}

static const struct {
	const char *name;
	const char *version;
	enum err (*check)(json_object *spec, const struct entry *want, struct errmsg *em);
} kinds[] = {
	{ "hashedrekord", "0.0.1", record_check },
	{ "dsse", "0.0.1", envelope_check },
};

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
	if (e == OK)
		e = json_get_object(root, "spec", &spec, em);
	for (size_t i = 0; e == OK && i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0 && strcmp(kinds[i].version, version) == 0)
			return kinds[i].check(spec, want, em);
	return e == OK ? err_set(em, ERR_UNSUPPORTED, "it is a %.40s %.20s, not a hashedrekord or dsse 0.0.1", kind,
				 version)
		       : e;
}

static enum err payload_check(json_object *payload, const struct entry *want, int64_t *when, struct errmsg *em)
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
		e = json_get_int_opt(payload, "integratedTime", 1, INT64_C(1) << 53, when, em);
	if (e == OK && *when == 0)
		e = err_set(em, ERR_PARSE, "\"integratedTime\" is missing");
	if (e == OK)
		e = json_get_int_opt(payload, "logIndex", 0, INT64_C(1) << 53, &number, em);
	if (e == OK && number < 0)
		e = err_set(em, ERR_PARSE, "\"logIndex\" is missing");
	if (e == OK)
		e = proto_bytes(payload, "body", &body, em);
	if (e != OK)
		return e;
	e = body_check(buf_bytes(&body), want, em);
	return e == OK ? OK : err_wrap(em, e, "the log's entry");
}

/* As of when the log has it is under its signature. */
static enum err promise_verify(const char *text, const struct entry *want, const struct key_set *logs, int64_t *when,
			       struct errmsg *em)
{
	static const char *const names[] = { "SignedEntryTimestamp", "Payload", NULL };
	AUTO_OF(json_object) *root = NULL;
	AUTO_BUF
	promise = { 0 };
	json_object *payload = NULL;
	enum err e = json_parse(bytes_str(text), BUNDLE_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		e = err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = proto_bytes(root, "SignedEntryTimestamp", &promise, em);
	if (e == OK)
		e = json_get_object(root, "Payload", &payload, em);
	if (e == OK)
		e = promise_check(payload, buf_bytes(&promise), logs, em);
	return e == OK ? payload_check(payload, want, when, em) : e;
}

/* Our own text of a bundle's members; nothing in it was signed but the body. */
static enum err proof_verify(const char *text, const struct entry *want, const struct key_set *logs, struct errmsg *em)
{
	AUTO_OF(json_object) *root = NULL;
	AUTO_BUF
	body = { 0 };
	json_object *proof = NULL;
	enum err e = json_parse(bytes_str(text), BUNDLE_MAX, JSON_STRICT, &root, em);
	if (e == OK)
		e = proto_bytes(root, "body", &body, em);
	if (e == OK)
		e = json_get_object(root, "proof", &proof, em);
	if (e == OK)
		e = log_proof_verify(proof, buf_bytes(&body), logs, em);
	return e == OK ? body_check(buf_bytes(&body), want, em) : e;
}

enum err rekor_verify(const struct rekor_claim *claim, const struct key_set *logs, int64_t *when, struct errmsg *em)
{
	const struct cosign_signature *s = claim->signature;
	AUTO_BUF
	signature = { 0 };
	*when = 0;
	if (!s->log && !s->proof)
		return err_set(em, ERR_DENIED, "it carries no proof of a transparency log");
	enum err e = base64_decode(BASE64_STD, bytes_str(s->signature), &signature, em);
	const struct entry want = { buf_bytes(&signature), claim };
	if (e == OK)
		e = s->log ? promise_verify(s->log, &want, logs, when, em) : proof_verify(s->proof, &want, logs, em);
	return e == OK || e == ERR_NOMEM ? e : err_wrap(em, ERR_DENIED, "the transparency log's proof");
}
