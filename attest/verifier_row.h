#pragma once
#include "attest/appraise.h"
#include "attest/verifier.h"

/* One kind of verifier. Private to attest/. */

enum { EVIDENCE_CERTS_MAX = 16 };

/* Evidence JSON in binary. */
struct evidence {
	struct buf binary; /* quote or report */
	struct buf event_log;
	struct buf certs[EVIDENCE_CERTS_MAX];
	size_t cert_count;
	struct buf signature, pcrs, key; /* TPM */
};

struct verifier {
	const char *tee;
	enum err (*unpack)(json_object *json, struct evidence *out, struct errmsg *em);
	enum err (*appraise)(const struct verifier_input *in, struct appraisal *a, struct errmsg *em);
	bool needs_collateral; /* without it the TCB stays unjudged */
};

enum err verifier_tdx_unpack(json_object *json, struct evidence *out, struct errmsg *em) MUST_USE;
enum err verifier_tdx_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em) MUST_USE;
enum err verifier_sgx_unpack(json_object *json, struct evidence *out, struct errmsg *em) MUST_USE;
enum err verifier_sgx_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em) MUST_USE;
enum err verifier_snp_unpack(json_object *json, struct evidence *out, struct errmsg *em) MUST_USE;
enum err verifier_snp_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em) MUST_USE;
enum err verifier_tpm_unpack(json_object *json, struct evidence *out, struct errmsg *em) MUST_USE;
enum err verifier_tpm_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em) MUST_USE;

/* Base64 of at most `max` bytes. */
enum err evidence_base64(json_object *json, const char *name, size_t max, struct buf *out, struct errmsg *em) MUST_USE;

/* Sample evidence proves nothing and has no checks but its binding. */
enum err verifier_sample_check(const struct verifier_policy *policy, const struct verifier_request *request,
			       json_object **claims, struct errmsg *em) MUST_USE;
