#pragma once
#include "attest/attest.h"
#include "kbs/session.h"

/* Attestation Results (RFC 9334) as JWTs in the form of EAR: issued after evidence was verified, and checked when they
 * come back as Bearer. Only our own are taken back: the key in a token's header counts for nothing. */
struct result_issuer {
	EVP_PKEY *key; /* P-256, private */
	const char *name; /* iss */
	int64_t lifetime_s;
};

struct result_facts {
	const char *tee;
	json_object *runtime_data; /* nonce and tee-pubkey, as received */
	json_object *claims; /* the verifier's */
	json_object *init_data; /* {name: text}; NULL: none that the evidence vouches for */
	json_object *devices; /* {name: claims}; or NULL */
	struct attest_digest report_data;
	bool compared; /* with reference values, which held */
	int64_t now; /* seconds of the epoch */
};
/* *jwt: malloc'd. Borrows the facts. */
enum err result_issue(const struct result_issuer *issuer, const struct result_facts *facts, char **jwt,
		      struct errmsg *em) MUST_USE;

/* ERR_PARSE, ERR_INTEGRITY (not signed by this issuer), ERR_EXPIRED, ERR_AUTH. out: clear it. */
enum err result_check(const struct result_issuer *issuer, struct bytes jwt, int64_t now, struct grant *out,
		      struct errmsg *em) MUST_USE;
