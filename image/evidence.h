#pragma once
#include "image/policy.h"
#include "image/source.h"

/* What there is about an image that a policy judges: its manifest's own bytes, and the signatures of it. */
struct evidence {
	struct image_source *source;
	const struct raw_manifest *raw;
	const struct image_access *access; /* never NULL */
	struct image_signatures stored; /* those of the source, and of the lookaside */
	bool has_stored;
	struct cosign_list *cosign;
};
void evidence_clear(struct evidence *ev);

/* ev->stored, once. Blocks on disk and network. */
enum err evidence_stored(struct evidence *ev, struct errmsg *em) MUST_USE;

/* Adds what sigstore's tools put beside the image, unless registries.d says that nobody is to look there. */
struct cosign_list;
enum err evidence_beside(const struct evidence *ev, struct cosign_list *list, struct errmsg *em) MUST_USE;

/* The stored form of signatures that are not OpenPGP's: a zero byte, "sigstore-json\n", JSON. */
#define SIGSTORE_JSON_PREFIX "\0sigstore-json\n"
static inline bool is_sigstore_json(struct bytes signature)
{
	return signature.len >= sizeof(SIGSTORE_JSON_PREFIX) - 1 &&
	       memcmp(signature.data, SIGSTORE_JSON_PREFIX, sizeof(SIGSTORE_JSON_PREFIX) - 1) == 0;
}

/* Who signed, for people: what a requirement held by. */
struct held_by {
	char text[512];
};

/* Whether the requirement holds. ERR_DENIED: it does not, and why. Another error: that could not be found out, which
 * is no better. */
enum err judge_signed_by(struct evidence *ev, const struct requirement *r, struct held_by *by,
			 struct errmsg *em) MUST_USE;
enum err judge_sigstore(struct evidence *ev, const struct requirement *r, struct held_by *by,
			struct errmsg *em) MUST_USE;

/* After a signature held: the payload's digest is this manifest's, and its name the one that the rule wants. */
enum err payload_judge(const struct evidence *ev, const struct identity_rule *rule, struct bytes payload,
		       const char *type, struct errmsg *em) MUST_USE;

/* The same of a sigstore bundle's statement. */
enum err statement_judge(const struct evidence *ev, const struct identity_rule *rule, struct bytes statement,
			 struct errmsg *em) MUST_USE;
/* Of a signature of the manifest's own bytes, or of a statement without a name: counts only where the user said so. */
enum err nameless_judge(const struct evidence *ev, struct errmsg *em) MUST_USE;

/* A key of the policy, by number: from its file, kbs:// URI or base64. */
enum err policy_key_read(const struct policy_keys *keys, size_t i, const struct image_access *access, struct buf *out,
			 struct errmsg *em) MUST_USE;
/* How errors call it. */
const char *policy_key_name(const struct policy_keys *keys, size_t i);
/* A file, or what a kbs:// URI stands for. */
enum err policy_text_read(const char *where, const struct image_access *access, struct buf *out,
			  struct errmsg *em) MUST_USE;
