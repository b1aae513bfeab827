#include "kbc/attestation_result.h"

#include <stdatomic.h>
#include <stdlib.h>

#define AHEAD_LONGEST_MS (30 * 1000)

struct attestation_result {
	atomic_uint refs;
	struct secret *cookie;
	struct secret *bearer; /* or NULL: too large for a header */
	bool bearer_small;
	struct secret *private_der;
	const char *alg;
	size_t url;
	int64_t session_until_ms;
	int64_t until_ms;
	int64_t ahead_ms; /* renewed this long before it ends */
};

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum err attestation_result_new(struct cc_grant *grant, struct tee_key *key, struct result_terms terms,
				struct attestation_result **out, struct errmsg *em)
{
	struct attestation_result *r = calloc(1, sizeof(*r));
	if (!r)
		return err_nomem(em, "an attestation result");
	atomic_init(&r->refs, 1);
	r->bearer_small = grant->bearer && secret_len(grant->bearer) <= CC_BEARER_SMALL;
	r->cookie = steal(&grant->cookie);
	r->bearer = steal(&grant->bearer);
	r->private_der = steal(&key->private_der);
	r->alg = key->alg;
	r->url = terms.url;
	int64_t valid_ms = earlier(grant->valid_s * 1000, terms.lifetime_ms);
	r->session_until_ms = terms.from_ms + grant->session_s * 1000;
	r->until_ms = terms.from_ms + valid_ms;
	if (!r->bearer)
		r->until_ms = earlier(r->until_ms, r->session_until_ms);
	r->ahead_ms = earlier((r->until_ms - terms.from_ms) / 10, AHEAD_LONGEST_MS);
	tee_key_clear(key);
	*out = r;
	return OK;
}

struct attestation_result *attestation_result_ref(struct attestation_result *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void attestation_result_abandon(struct attestation_result *r)
{
	if (!r)
		return;
	secret_free(r->cookie);
	secret_free(r->bearer);
	secret_free(r->private_der);
	free(r);
}

void attestation_result_free(struct attestation_result *r)
{
	if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		attestation_result_abandon(r);
}

bool attestation_result_serves(const struct attestation_result *r, int64_t now_ms, bool ahead)
{
	return now_ms < r->until_ms - (ahead ? r->ahead_ms : 0);
}

int64_t attestation_result_left_ms(const struct attestation_result *r, int64_t now_ms)
{
	return now_ms < r->until_ms ? r->until_ms - now_ms : 0;
}

size_t attestation_result_url(const struct attestation_result *r)
{
	return r->url;
}

struct cc_credentials attestation_result_credentials(const struct attestation_result *r, int64_t now_ms)
{
	/* A server that has lost the session (restarted, or its store was swept) takes a small Bearer beside the
	 * cookie; a large one goes alone, and only once the session has ended. */
	bool session = now_ms < r->session_until_ms;
	return (struct cc_credentials){
		.cookie = session ? r->cookie : NULL,
		.bearer = !session || r->bearer_small ? r->bearer : NULL,
	};
}

enum err attestation_result_open(const struct attestation_result *r, const struct tee_sealed *sealed,
				 struct secret **out, struct errmsg *em)
{
	return tee_key_open(r->private_der, r->alg, sealed, out, em);
}
