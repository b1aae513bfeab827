#include "image/signature_cosign.h"

#include "common/base64.h"
#include "image/proto_json.h"

#include <stdio.h>

/* Sigstore bundles, version 0.3: sigstore_bundle.proto of sigstore/protobuf-specs, as JSON. */

#define BUNDLE_MAX ((size_t)1 << 20)
#define MEDIA_IN_TOTO "application/vnd.in-toto+json"

static bool version_known(const char *type)
{
	return strcmp(type, MEDIA_SIGSTORE_BUNDLE) == 0 ||
	       strcmp(type, "application/vnd.dev.sigstore.bundle+json;version=0.3") == 0;
}

/* DSSE v1, "PAE": "DSSEv1", lengths and texts, a space between each. */
static enum err envelope_message(struct cosign_signature *s, struct errmsg *em)
{
	char head[sizeof(MEDIA_IN_TOTO) + 64];
	int n = snprintf(head, sizeof(head), "DSSEv1 %zu %s %zu ", strlen(MEDIA_IN_TOTO), MEDIA_IN_TOTO,
			 s->payload.len);
	enum err e = buf_append(&s->message, (struct bytes){ (uint8_t *)head, (size_t)n }, 0, em);
	return e == OK ? buf_append(&s->message, buf_bytes(&s->payload), 0, em) : e;
}

static enum err text_copy(json_object *json, const char *name, char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(json, name, &text, em);
	if (e != OK)
		return e;
	*out = strdup(text);
	return *out ? OK : err_nomem(em, "a signature");
}

static enum err envelope_read(json_object *envelope, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = { "payload", "payloadType", "signatures", NULL };
	json_object *list = NULL;
	const char *type = NULL;
	enum err e = json_only_members(envelope, names, em);
	if (e == OK)
		e = json_get_string(envelope, "payloadType", &type, em);
	if (e == OK && strcmp(type, MEDIA_IN_TOTO) != 0)
		e = err_set(em, ERR_PARSE, "its \"payloadType\" is not " MEDIA_IN_TOTO);
	if (e == OK)
		e = json_get_array_opt(envelope, "signatures", &list, em);
	if (e == OK && (!list || json_object_array_length(list) != 1))
		e = err_set(em, ERR_PARSE, "its envelope has not exactly one signature");
	json_object *one = e == OK ? json_object_array_get_idx(list, 0) : NULL;
	if (e == OK && !json_object_is_type(one, json_type_object))
		e = err_set(em, ERR_PARSE, "its signature is no object");
	if (e == OK)
		e = text_copy(one, "sig", &s->signature, em);
	if (e == OK)
		e = proto_bytes(envelope, "payload", &s->payload, em);
	s->form = SIGSTORE_STATEMENT;
	return e == OK ? envelope_message(s, em) : e;
}

/* Over the manifest itself; the digest that is told beside it says nothing that the signature does not. */
static enum err message_read(json_object *message, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = { "messageDigest", "signature", NULL };
	enum err e = json_only_members(message, names, em);
	s->form = SIGSTORE_MANIFEST;
	return e == OK ? text_copy(message, "signature", &s->signature, em) : e;
}

static enum err content_read(json_object *root, struct cosign_signature *s, struct errmsg *em)
{
	json_object *envelope = NULL;
	json_object *message = NULL;
	enum err e = json_get_object_opt(root, "dsseEnvelope", &envelope, em);
	if (e == OK)
		e = json_get_object_opt(root, "messageSignature", &message, em);
	if (e == OK && !envelope == !message)
		e = err_set(em, ERR_PARSE, "it has not just one of \"dsseEnvelope\" and \"messageSignature\"");
	if (e != OK)
		return e;
	return envelope ? envelope_read(envelope, s, em) : message_read(message, s, em);
}

/* --- the log --- */

/* As cosign writes it beside its older signatures: with the log's number in hex. */
static enum err promise_make(json_object *entry, const char *promise, char **out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_object();
	AUTO_BUF
	key = { 0 };
	json_object *id = NULL;
	json_object *payload = json_object_new_object();
	const char *body = NULL;
	uint64_t when = 0;
	uint64_t index = 0;
	enum err e = json_add(root, "Payload", payload) ? OK : err_nomem(em, "a log's promise");
	if (e == OK)
		e = json_get_string(entry, "canonicalizedBody", &body, em);
	if (e == OK)
		e = json_get_object(entry, "logId", &id, em);
	if (e == OK)
		e = proto_bytes(id, "keyId", &key, em);
	if (e == OK)
		e = proto_number(entry, "integratedTime", &when, em);
	if (e == OK)
		e = proto_number(entry, "logIndex", &index, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *hex = hex_encode(buf_bytes(&key));
	bool good = json_add_text(root, "SignedEntryTimestamp", promise) && json_add_text(payload, "body", body) &&
		    json_add_text(payload, "logID", hex) &&
		    json_add(payload, "integratedTime", json_object_new_int64((int64_t)when)) &&
		    json_add(payload, "logIndex", json_object_new_int64((int64_t)index));
	*out = good ? json_text(root) : NULL;
	return *out ? OK : err_nomem(em, "a log's promise");
}

static enum err proof_make(json_object *entry, json_object *proof, char **out, struct errmsg *em)
{
	AUTO_OF(json_object) *root = json_object_new_object();
	const char *body = NULL;
	enum err e = json_get_string(entry, "canonicalizedBody", &body, em);
	if (e != OK)
		return e;
	bool good = json_add_text(root, "body", body) && json_add(root, "proof", json_object_get(proof));
	*out = good ? json_text(root) : NULL;
	return *out ? OK : err_nomem(em, "a log's proof");
}

static enum err entry_read(json_object *entry, struct cosign_signature *s, struct errmsg *em)
{
	json_object *promise = NULL;
	json_object *proof = NULL;
	const char *timestamp = NULL;
	if (!json_object_is_type(entry, json_type_object))
		return err_set(em, ERR_PARSE, "its log's entry is no object");
	enum err e = json_get_object_opt(entry, "inclusionPromise", &promise, em);
	if (e == OK)
		e = json_get_object_opt(entry, "inclusionProof", &proof, em);
	if (e == OK && promise)
		e = json_get_string(promise, "signedEntryTimestamp", &timestamp, em);
	if (e == OK && timestamp)
		e = promise_make(entry, timestamp, &s->log, em);
	return e == OK && proof ? proof_make(entry, proof, &s->proof, em) : e;
}

/* A certificate's "rawBytes" are the inside of its PEM. */
static enum err certificate_take(json_object *json, struct buf *to, struct errmsg *em)
{
	const char *body = NULL;
	if (!json_object_is_type(json, json_type_object))
		return err_set(em, ERR_PARSE, "its certificate is no object");
	enum err e = json_get_string(json, "rawBytes", &body, em);
	if (e == OK)
		e = buf_append(to, bytes_str("-----BEGIN CERTIFICATE-----\n"), 0, em);
	if (e == OK)
		e = buf_append(to, bytes_str(body), 0, em);
	return e == OK ? buf_append(to, bytes_str("\n-----END CERTIFICATE-----\n"), 0, em) : e;
}

/* The signer's alone, or in front of those above it: cosign writes both. */
static enum err certificates_take(json_object *material, struct cosign_signature *s, struct errmsg *em)
{
	json_object *one = NULL;
	json_object *several = NULL;
	json_object *list = NULL;
	enum err e = json_get_object_opt(material, "certificate", &one, em);
	if (e == OK)
		e = json_get_object_opt(material, "x509CertificateChain", &several, em);
	if (e == OK && one && several)
		e = err_set(em, ERR_PARSE, "\"certificate\" beside \"x509CertificateChain\"");
	if (e == OK && one)
		e = certificate_take(one, &s->certificate, em);
	if (e == OK && several)
		e = json_get_array_opt(several, "certificates", &list, em);
	size_t count = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; e == OK && i < count; i++)
		e = certificate_take(json_object_array_get_idx(list, i), i ? &s->chain : &s->certificate, em);
	return e;
}

static enum err material_read(json_object *material, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = {
		"publicKey", "certificate", "x509CertificateChain", "tlogEntries", "timestampVerificationData", NULL
	};
	json_object *entries = NULL;
	enum err e = json_only_members(material, names, em);
	if (e == OK)
		e = certificates_take(material, s, em);
	if (e == OK)
		e = json_get_array_opt(material, "tlogEntries", &entries, em);
	size_t count = entries ? json_object_array_length(entries) : 0;
	if (e == OK && count > 1)
		e = err_set(em, ERR_PARSE, "it has %zu entries of logs; one is read", count);
	return e == OK && count ? entry_read(json_object_array_get_idx(entries, 0), s, em) : e;
}

static enum err bundle_read(struct bytes text, struct cosign_signature *s, struct errmsg *em)
{
	static const char *const names[] = { "mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature",
					     NULL };
	AUTO_OF(json_object) *root = NULL;
	json_object *material = NULL;
	const char *type = NULL;
	enum err e = json_parse(text, BUNDLE_MAX, JSON_STRICT, &root, em);
	if (e == OK && !json_object_is_type(root, json_type_object))
		e = err_set(em, ERR_PARSE, "want an object");
	if (e == OK)
		e = json_get_string(root, "mediaType", &type, em);
	if (e == OK && !version_known(type))
		e = err_set(em, ERR_UNSUPPORTED, "it is of the type \"%.100s\", not " MEDIA_SIGSTORE_BUNDLE, type);
	if (e == OK)
		e = json_only_members(root, names, em);
	if (e == OK)
		e = json_get_object(root, "verificationMaterial", &material, em);
	if (e == OK)
		e = material_read(material, s, em);
	return e == OK ? content_read(root, s, em) : e;
}

enum err sigstore_bundle_add(struct cosign_list *list, struct bytes text, struct errmsg *em)
{
	struct errmsg why = { "" };
	struct cosign_signature *s = NULL;
	enum err e = cosign_list_add(list, text.len, &s, em);
	if (e != OK)
		return e;
	e = bundle_read(text, s, &why);
	if (e == ERR_NOMEM)
		return err_set(em, e, "%s", why.text);
	if (e != OK)
		snprintf(s->fault, sizeof(s->fault), "a sigstore bundle: %.150s", why.text);
	return OK;
}
