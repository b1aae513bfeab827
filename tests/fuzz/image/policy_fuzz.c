#include "tests/support/fuzz.h"

#include "image/policy.h"
#include "image/registries_d.h"
#include "image/signature_certificate.h"
#include "image/signature_cosign.h"
#include "image/signature_payload.h"

/* policy.json, registries.d, signed statements, stored sigstore signatures and bundles with their logs' proofs, and
 * certificates: whatever reads it. */

static const char name[] = "a.b:5000/ns/c:t";

static void policy_fuzz(struct bytes text)
{
	AUTO(policy) *policy = NULL;
	if (policy_parse(text, &policy, NULL) != OK)
		return;
	const struct policy_scope *scope = policy_find(policy, "docker", name);
	if (scope->count == 0)
		abort(); /* nothing demanded would be everything taken */
	for (size_t i = 0; i < scope->count; i++) {
		const struct requirement *r = &scope->list[i];
		if ((r->type == REQUIRE_SIGNED_BY && r->keys.count == 0) ||
		    (r->type == REQUIRE_SIGSTORE_SIGNED && r->keys.count == 0 && r->certificate.roots.count == 0))
			abort();
		if (identity_rule_check(&r->identity, name, "a.b:5000/ns/c", NULL) == OK &&
		    r->identity.how != MATCH_REPOSITORY && r->identity.how != MATCH_EXACT_REPOSITORY)
			abort();
	}
}

static void registries_d_fuzz(struct bytes text)
{
	AUTO_REGISTRIES_D d = { 0 };
	const char *lookaside = NULL;
	int attachments = 0;
	if (registries_d_add(&d, text, NULL) == OK)
		registries_d_find(&d, name, &lookaside, &attachments);
}

static void payload_fuzz(struct bytes text)
{
	AUTO_PAYLOAD p = { 0 };
	if (signature_payload_parse(text, PAYLOAD_COSIGN, &p, NULL) == OK && (!p.digest || !p.reference))
		abort();
}

/* Nobody has this key. */
static struct key_set nobody(void)
{
	static EVP_PKEY *key;
	if (!key)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (!key)
		abort();
	return (struct key_set){ &key, 1 };
}

static void log_fuzz(const struct cosign_signature *s)
{
	const struct key_set keys = nobody();
	const struct rekor_claim claim = { s, buf_bytes(&s->payload), keys.keys[0], NULL };
	int64_t when = 0;
	if (s->signature && rekor_verify(&claim, &keys, &when, NULL) == OK)
		abort();
}

static void stored_fuzz(struct bytes text)
{
	AUTO(cosign_list) *list = calloc(1, sizeof(*list));
	if (list && cosign_stored_add(list, text, NULL) == OK)
		log_fuzz(&list->items[0]);
}

static void bundle_fuzz(struct bytes text)
{
	AUTO(cosign_list) *list = calloc(1, sizeof(*list));
	if (!list || sigstore_bundle_add(list, text, NULL) != OK || list->items[0].fault[0])
		return;
	const struct cosign_signature *s = &list->items[0];
	if (!s->signature || (s->form == SIGSTORE_STATEMENT) != (s->message.len > 0))
		abort();
	log_fuzz(s);
}

static void statement_fuzz(struct bytes text)
{
	AUTO_STATEMENT s = { .root = NULL };
	if (signature_statement_parse(text, &s, NULL) == OK && (!s.digest[0] || (s.name && !s.name[0])))
		abort();
}

/* The proof alone: whatever it says, nobody signed its checkpoint. */
static void proof_fuzz(struct bytes text)
{
	AUTO_OF(json_object) *json = NULL;
	const struct key_set keys = nobody();
	if (json_parse(text, 1 << 20, JSON_STRICT, &json, NULL) == OK && json_object_is_type(json, json_type_object) &&
	    log_proof_verify(json, text, &keys, NULL) == OK)
		abort();
}

static void certificates_fuzz(struct bytes text)
{
	static const struct certificate_rule rule = { .issuer = "i", .email = "e", .hostname = "h" };
	STACK_OF(X509) *list = NULL;
	if (certificates_parse(text, &list, NULL) != OK)
		return;
	const struct certificate_question q = { sk_X509_value(list, 0), list, NULL, NULL, 1700000000 };
	if (certificate_check(&rule, &q, NULL) == OK)
		abort(); /* no roots */
	certificates_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	policy_fuzz(text);
	registries_d_fuzz(text);
	payload_fuzz(text);
	stored_fuzz(text);
	bundle_fuzz(text);
	statement_fuzz(text);
	proof_fuzz(text);
	certificates_fuzz(text);
	return 0;
}
