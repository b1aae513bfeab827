#pragma once
#include "attest/appraisal.h"
#include "attest/attest.h"

/* Verifiers: judge evidence. Never open a socket or a file, never link libcurl. */

/* What evidence is judged against. Everything is borrowed, and what is empty (data NULL) is not compared: the appraisal
 * says so. */
struct verifier_input {
	struct bytes evidence; /* a quote or report in binary: verifier_appraise() only */
	struct bytes collateral; /* Intel: the JSON bundle; without it the TCB is not judged */
	/* AMD: PEM, DER or the table of an extended report; certificates and CRLs. TPM: the attestation keys that are
	 * trusted, public keys or certificates (PEM, as many as there are; DER, one). */
	const struct bytes *certs;
	size_t cert_count;
	struct bytes event_log; /* TDX: CCEL */
	struct {
		struct bytes signature; /* TPMT_SIGNATURE; `evidence` is the TPMS_ATTEST */
		struct bytes pcrs; /* of the SHA-256 bank, 32 bytes each: all 24, or those that were quoted */
		struct bytes key; /* what the evidence calls its key: DER */
	} tpm;
	struct bytes report_data; /* at most 64 bytes; compared padded with zeros */
	struct bytes init_data; /* the digest; compared cut or padded as the TEE carries it */
	struct bytes reference; /* reference values, JSON as reference value providers write it */
	unsigned tcb_accepted; /* 1 << n for the n-th name of verifier_tcb_status(); UpToDate is always */
	bool vmpl_given; /* AMD: the report's VMPL may not be above... */
	unsigned vmpl_max; /* ...this */
	int64_t now; /* seconds of the epoch: the clock that certificates and collateral are held against */
};

/* tee: "tdx", "sgx", "snp" or "tpm". OK: judged, `out` says how, also of what is malformed; to be given to
 * appraisal_clear(). ERR_UNSUPPORTED: no verifier for this TEE's binary form; ERR_ARG: report data longer than 64
 * bytes; ERR_PARSE, ERR_LIMIT: collateral, certificates or reference values (not the evidence) are malformed;
 * ERR_NOMEM. */
enum err verifier_appraise(const char *tee, const struct verifier_input *in, struct appraisal *out,
			   struct errmsg *em) MUST_USE;

/* The same of evidence as the KBS protocol carries it, "Evidence JSON". in->evidence is not looked at; an event log
 * and certificates in the evidence count as if they were given. */
enum err verifier_appraise_json(const char *tee, json_object *evidence, const struct verifier_input *in,
				struct appraisal *out, struct errmsg *em) MUST_USE;

/* "UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
 * "OutOfDateConfigurationNeeded": those that a relying party may accept. NULL beyond. */
const char *verifier_tcb_status(unsigned n);

/* How the digest of init data is found: the algorithm that the file names, over the whole file (version 0.1.0, JSON or
 * TOML). ERR_PARSE, ERR_UNSUPPORTED. */
enum err verifier_init_data_digest(struct bytes file, struct attest_digest *out, struct errmsg *em) MUST_USE;

/* What a KBS asks. */
struct verifier_policy {
	bool allow_sample; /* the sample TEE proves nothing; refused unless this says otherwise */
	int64_t now;
	struct bytes collateral; /* as above; Intel's evidence is refused without it unless... */
	bool allow_unchecked_tcb; /* ...this says that the TCB may stay unjudged */
	struct bytes
		reference; /* as above; without them every guest of a real TEE would do, so it is refused unless... */
	bool allow_any_measurement; /* ...this says that whoever takes the claims compares them */
	unsigned tcb_accepted;
	struct bytes tpm_keys; /* PEM: the TPM attestation keys that are trusted */
};

struct verifier_request {
	const char *tee;
	json_object *evidence; /* `primary_evidence` */
	const struct attest_digest *report_data; /* expected */
	const struct attest_digest *init_data; /* their digest, expected; NULL: not compared. The sample TEE has none */
};

/* OK: evidence is genuine, bound to the report data, and nothing in it is refused (AMD: VMPL 0); *claims: what it says
 * (the caller's object), under the TEE's own claim names. ERR_ATTEST with the check that failed and its two values,
 * ERR_EXPIRED, ERR_PARSE, ERR_UNSUPPORTED (no verifier for this TEE). */
enum err verifier_check(const struct verifier_policy *policy, const struct verifier_request *request,
			json_object **claims, struct errmsg *em) MUST_USE;

/* --- what a relying party is told: an EAT Attestation Result, draft-ietf-rats-ear ------------------------------------
 */

/* One line of the table of AR4SI (draft-ietf-rats-ar4si) claims: 0 says nothing. */
struct ear_vector {
	int hardware;
	int executables;
	int configuration;
};

struct ear {
	const char *tee;
	const char *status; /* "affirming", "warning", "contraindicated", "none" */
	struct ear_vector vector;
	const char *issuer;
	int64_t now; /* seconds of the epoch */
	int64_t lifetime_s;
	json_object *claims; /* what the evidence says; or NULL */
	json_object *init_data; /* what was started with it, where the evidence vouches for it: {name: text}; or NULL */
	json_object *devices; /* {name: claims}; or NULL */
	json_object *runtime_data; /* nonce and tee-pubkey as the KBS received them; or NULL */
	const char *report_data; /* hexadecimal; NULL: that of the claims, if any */
};

/* What an appraisal says in these terms. compared: reference values were given. */
void ear_appraised(const struct appraisal *a, bool compared, struct ear *to);

/* What the evidence says, "ear.veraison.annotated-evidence": the TEE's claims under its name, what they are bound to
 * beside them. The caller's; NULL without memory. */
json_object *ear_evidence(const struct ear *ear);

/* The claims of the result, to be signed. Borrows everything; *out: the caller's. ERR_NOMEM. */
enum err ear_claims(const struct ear *ear, json_object **out, struct errmsg *em) MUST_USE;
