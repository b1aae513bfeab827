#pragma once
#include "common/json.h"

/* What attester and verifier share: the names of TEEs and the binding of evidence to its request.
 * KBS protocol 0.4.0, "Attestation". */

#define ATTEST_DIGEST_MAX 64

struct attest_digest {
	uint8_t data[ATTEST_DIGEST_MAX];
	size_t len;
};

/* The report data: H over the RFC 8785 form of
 * {"additional-evidence":<string>,"nonce":...,"tee-pubkey":{...}}. hash: "sha256", "sha384" (default where NULL),
 * "sha512", any letter case. The members of tee_pubkey are hashed as they stand. */
struct attest_runtime_data {
	const char *additional_evidence; /* "" without devices; NULL: what devices are bound to, which leaves it out */
	const char *nonce; /* base64, as received */
	json_object *tee_pubkey;
};
enum err attest_report_data(const char *hash, const struct attest_runtime_data *data, struct attest_digest *out,
			    struct errmsg *em) MUST_USE;

/* True for the names that the protocol knows ("sample", "tdx", ...). */
bool attest_tee_known(const char *tee);
