#pragma once
#include "common/json.h"
#include "image/image.h"

/* containers-policy.json(5): what is demanded of an image before anything in it counts. */

#define POLICY_SIZE_MAX ((size_t)1 << 20)

enum requirement_type {
	REQUIRE_NOTHING, /* insecureAcceptAnything */
	REQUIRE_REJECT,
	REQUIRE_SIGNED_BY,
	REQUIRE_SIGSTORE_SIGNED,
};

enum identity_match {
	MATCH_REPO_DIGEST_OR_EXACT, /* where nothing is said */
	MATCH_EXACT,
	MATCH_REPOSITORY,
	MATCH_EXACT_REFERENCE,
	MATCH_EXACT_REPOSITORY,
	MATCH_REMAPPED,
};

/* "signedIdentity": whose name a signature must carry. */
struct identity_rule {
	enum identity_match how;
	const char *value; /* dockerReference, dockerRepository, prefix */
	const char *signed_prefix;
};

/* Where keys stand: files (or kbs:// URIs), or base64. */
struct policy_keys {
	const char **items;
	size_t count;
	const char *inlined; /* how errors call base64 in the policy itself; NULL: files and URIs */
};

/* "fulcio" or "pki": certificates instead of keys. */
struct certificate_rule {
	bool fulcio; /* as of when a log holds the signature; else as of now */
	struct policy_keys roots;
	struct policy_keys intermediates; /* count 0: none */
	const char *issuer; /* Fulcio: who knows the signer; else NULL */
	const char *email; /* or NULL */
	const char *hostname; /* or NULL */
};

struct requirement {
	enum requirement_type type;
	struct identity_rule identity;
	struct policy_keys keys;
	struct policy_keys rekor; /* count 0: no transparency log is asked for */
	struct certificate_rule certificate; /* roots.count 0: keys */
};

struct policy_scope {
	const char *transport; /* "" for the default */
	const char *name; /* "" for the transport's default */
	struct requirement *list;
	size_t count;
};

struct policy {
	json_object *root; /* strings are borrowed from it */
	struct policy_scope *scopes; /* the first is the default */
	size_t count;
};

/* Members that are unknown, missing, there twice or of a wrong type refuse the file. ERR_PARSE, ERR_LIMIT. */
enum err policy_parse(struct bytes text, struct policy **out, struct errmsg *em) MUST_USE;
void policy_free(struct policy *policy);
AUTO_DEFINE(policy)

/* One list of requirements, and what it says about identities; for the parser. */
enum err requirement_parse(json_object *json, struct requirement *out, struct errmsg *em) MUST_USE;
void requirement_clear(struct requirement *r);
enum err identity_rule_parse(json_object *json, struct identity_rule *out, struct errmsg *em) MUST_USE;

/* The most special scope that fits; there always is one. */
const struct policy_scope *policy_find(const struct policy *policy, const char *transport, const char *scope);

/* Whether a signature for `signed_as` is one for the image `wanted`, an expanded name with tag or digest; NULL: what
 * was asked for has no such name. ERR_DENIED says why not. */
enum err identity_rule_check(const struct identity_rule *rule, const char *wanted, const char *signed_as,
			     struct errmsg *em) MUST_USE;
