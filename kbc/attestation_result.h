#pragma once
#include "common/deadline.h"
#include "kbc/cc_kbc.h"

/* One Attestation Result with the TEE key that it speaks for. Immutable, counted; whoever holds a reference may use
 * it. Everything in it that opens a door lies in the arena. */
struct attestation_result;

/* Takes over what `grant` and `key` hold (both are cleared). `from_ms`: boottime_ms() at which the handshake began;
 * `lifetime_ms` bounds the whole. `url`: index of the KBS that gave it. */
struct result_terms {
	int64_t from_ms;
	int64_t lifetime_ms;
	size_t url;
};
enum err attestation_result_new(struct cc_grant *grant, struct tee_key *key, struct result_terms terms,
				struct attestation_result **out, struct errmsg *em) MUST_USE;
struct attestation_result *attestation_result_ref(struct attestation_result *r);
void attestation_result_free(struct attestation_result *r); /* drops one reference */
AUTO_DEFINE(attestation_result)
/* In a forked child: frees, whoever held references in the parent. */
void attestation_result_abandon(struct attestation_result *r);

/* Serves at `now_ms`. With `ahead` it must also be good for a while: time to renew. */
bool attestation_result_serves(const struct attestation_result *r, int64_t now_ms, bool ahead);
size_t attestation_result_url(const struct attestation_result *r);
/* Milliseconds from now on, 0 if it no longer serves. */
int64_t attestation_result_left_ms(const struct attestation_result *r, int64_t now_ms);

/* Borrowed: what a resource request shows. Cookie while the KBS still keeps the session, Bearer where it fits. */
struct cc_credentials attestation_result_credentials(const struct attestation_result *r, int64_t now_ms);

enum err attestation_result_open(const struct attestation_result *r, const struct tee_sealed *sealed,
				 struct secret **out, struct errmsg *em) MUST_USE;
