#pragma once
#include "common/json.h"
#include "common/key.h"
#include "image/source.h"

/* Signatures of sigstore's kinds: cosign's, in the registry beside images or in their stored form, and sigstore
 * bundles.
 */

/* What the signature is of. */
enum sigstore_form {
	SIGSTORE_PAYLOAD, /* a statement with a name, as of simple signing: over its bytes */
	SIGSTORE_STATEMENT, /* an in-toto statement in a DSSE envelope */
	SIGSTORE_MANIFEST, /* the image's manifest itself */
};

struct cosign_signature {
	enum sigstore_form form;
	struct buf payload; /* the statement; of a manifest nothing */
	struct buf message; /* what is signed, where that is not just the payload */
	char *signature; /* base64 */
	char *log; /* a log's promise, JSON as in cosign's annotation; or NULL */
	char *proof; /* a log's proof, JSON: {"body","proof"}, the members of a bundle; or NULL */
	struct buf certificate; /* PEM; or nothing */
	struct buf chain; /* PEM; or nothing */
	char fault[200]; /* why it counts for nothing whatever keys there are; "" */
};

struct cosign_list {
	struct cosign_signature *items;
	size_t count;
	size_t total; /* bytes of all payloads */
};
void cosign_list_free(struct cosign_list *list);
AUTO_DEFINE(cosign_list)
/* One more, empty, the list's; `bytes` is what was read for it. ERR_LIMIT. */
enum err cosign_list_add(struct cosign_list *list, size_t bytes, struct cosign_signature **out,
			 struct errmsg *em) MUST_USE;

#define MEDIA_SIMPLESIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define MEDIA_SIGSTORE_BUNDLE "application/vnd.dev.sigstore.bundle.v0.3+json"

/* Adds one from the stored form (with its prefix). ERR_PARSE. */
enum err cosign_stored_add(struct cosign_list *list, struct bytes stored, struct errmsg *em) MUST_USE;
/* Adds those under the tag "sha256-<hex>.sig" beside the image; none where there is no such tag. */
enum err cosign_sibling_add(struct cosign_list *list, struct image_source *source, const char *digest,
			    struct errmsg *em) MUST_USE;
/* Adds those of all layers of such a manifest. */
enum err cosign_layers_add(struct cosign_list *list, struct image_source *sibling, const struct manifest *m,
			   struct errmsg *em) MUST_USE;
/* Adds those that refer to the image: distribution-spec 1.1, "Listing Referrers", or the tag "sha256-<hex>". */
enum err cosign_referrers_add(struct cosign_list *list, struct image_source *source, const char *digest,
			      struct errmsg *em) MUST_USE;
/* The tag that stands for the list: distribution-spec, "Referrers Tag Schema". */
void referrers_tag(const char *digest, char tag[IMAGE_DIGEST_SIZE]);
/* Adds a sigstore bundle, version 0.3. One that cannot be read is added with its fault. ERR_LIMIT, ERR_NOMEM. */
enum err sigstore_bundle_add(struct cosign_list *list, struct bytes text, struct errmsg *em) MUST_USE;

/* ERR_DENIED unless `key` made the signature of `payload`: ECDSA (DER, or r and s) and RSA (PKCS #1 v1.5) over SHA-256,
 * Ed25519. */
enum err cosign_verify(EVP_PKEY *key, struct bytes payload, struct bytes signature, struct errmsg *em) MUST_USE;

/* Public keys. */
struct key_set {
	EVP_PKEY **keys;
	size_t count;
};

/* Who signed what. */
struct rekor_claim {
	const struct cosign_signature *signature;
	struct bytes message; /* what the signature is over */
	EVP_PKEY *signer;
	X509 *certificate; /* the signer's; or NULL: a key */
};
/* ERR_DENIED unless a key of the log promised that it holds this signature by this signer, or proves it. Offline.
 * *when: as of when, seconds since 1970; 0: the log does not say so under its signature. */
enum err rekor_verify(const struct rekor_claim *claim, const struct key_set *logs, int64_t *when,
		      struct errmsg *em) MUST_USE;
/* RFC 6962 2.1.1: the entry stands in a tree whose root a key of the log signed ("checkpoint"). proof: "inclusionProof"
 * of a bundle. */
enum err log_proof_verify(json_object *proof, struct bytes body, const struct key_set *logs,
			  struct errmsg *em) MUST_USE;
