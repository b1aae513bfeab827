#include "tests/support/fuzz.h"

#include "image/policy.h"
#include "image/registries_d.h"
#include "image/signature_cosign.h"
#include "image/signature_payload.h"

/* policy.json, registries.d, a signed statement, a stored sigstore signature with its log's proof: whatever reads it.
 */

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
		    (r->type == REQUIRE_SIGSTORE_SIGNED && r->keys.count == 0 && !r->certificates))
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

static void stored_fuzz(struct bytes text)
{
	static EVP_PKEY *key;
	AUTO(cosign_list) *list = calloc(1, sizeof(*list));
	if (!key)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (!list || !key || cosign_stored_add(list, text, NULL) != OK)
		return;
	if (rekor_verify(&list->items[0], key, &key, 1, NULL) == OK)
		abort(); /* nobody has that key */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes text = { data, len };
	policy_fuzz(text);
	registries_d_fuzz(text);
	payload_fuzz(text);
	stored_fuzz(text);
	return 0;
}
