#pragma once
#include "attest/attester.h"

/* One kind of attester. Private to attest/. */
struct attester {
	const char *tee; /* the name in the protocol and in configurations */
	/* What "auto" asks: is this TEE here? Says in `why` what it looked for. NULL: only where it is named. */
	bool (*found)(const struct attester_machine *machine, struct errmsg *why);
	enum err (*evidence)(const struct attester_request *request, json_object **out, struct errmsg *em);
	/* What the TEE carries for its guest: the field as it stands, at most 64 bytes. NULL: nothing. */
	enum err (*carried)(const struct attester_request *request, struct attest_digest *out, struct errmsg *em);
	bool extended; /* carried: not the digest itself, but SHA-256(32 zeros || digest) */
};

enum { REPORT_DATA_LEN = 64 };

bool attester_sgx_found(const struct attester_machine *machine, struct errmsg *why);
bool attester_tdx_found(const struct attester_machine *machine, struct errmsg *why);
bool attester_snp_found(const struct attester_machine *machine, struct errmsg *why);
bool attester_cca_found(const struct attester_machine *machine, struct errmsg *why);
bool attester_tpm_found(const struct attester_machine *machine, struct errmsg *why);

enum err attester_sgx_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;
enum err attester_tdx_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;
enum err attester_snp_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;
enum err attester_cca_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;
enum err attester_tpm_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;
enum err attester_sample_evidence(const struct attester_request *r, json_object **out, struct errmsg *em) MUST_USE;

enum err attester_sgx_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em) MUST_USE;
enum err attester_tdx_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em) MUST_USE;
enum err attester_snp_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em) MUST_USE;
enum err attester_cca_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em) MUST_USE;
enum err attester_tpm_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em) MUST_USE;

/* The machine's root and a path of the kernel's. malloc'd; NULL without memory. */
char *machine_path(const struct attester_machine *machine, const char *path);

/* The digest with zeros behind it, as most TEEs want it. */
void report_data_pad(const struct attest_digest *digest, uint8_t out[REPORT_DATA_LEN]);

bool evidence_put_base64(json_object *to, const char *name, struct bytes value);
json_object *evidence_octets(struct bytes from); /* [1,2,...]; NULL without memory */
