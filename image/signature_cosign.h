#pragma once
#include "common/json.h"
#include "common/key.h"
#include "image/source.h"

/* Cosign's signatures of images, in the registry beside them or in their stored form. */

struct cosign_signature {
	struct buf payload; /* what is signed */
	char *media_type;
	char *signature; /* base64 */
	char *bundle; /* of a transparency log, JSON; or NULL */
};

struct cosign_list {
	struct cosign_signature *items;
	size_t count;
};
void cosign_list_free(struct cosign_list *list);
AUTO_DEFINE(cosign_list)

#define MEDIA_SIMPLESIGNING "application/vnd.dev.cosign.simplesigning.v1+json"

/* Adds one from the stored form (with its prefix). ERR_PARSE. */
enum err cosign_stored_add(struct cosign_list *list, struct bytes stored, struct errmsg *em) MUST_USE;
/* Adds those under the tag "sha256-<hex>.sig" beside the image; none where there is no such tag. */
enum err cosign_sibling_add(struct cosign_list *list, struct image_source *source, const char *digest,
			    struct errmsg *em) MUST_USE;

/* ERR_DENIED unless `key` made the signature of `payload`: ECDSA (DER, or r and s) and RSA (PKCS #1 v1.5) over SHA-256,
 * Ed25519. */
enum err cosign_verify(EVP_PKEY *key, struct bytes payload, struct bytes signature, struct errmsg *em) MUST_USE;

/* ERR_DENIED unless a key of the log promised, in the bundle, that it holds this signature by `signer`. Offline. */
enum err rekor_verify(const struct cosign_signature *s, EVP_PKEY *signer, EVP_PKEY *const *log_keys, size_t count,
		      struct errmsg *em) MUST_USE;
