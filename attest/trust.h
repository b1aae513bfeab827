#pragma once
#include "common/bytes.h"

/* Whom a verifier believes. The public face always takes trust_vendors; tests hand in roots of their own to the
 * functions below it. */

struct trust_amd {
	const char *product; /* "Milan": its certificates are ARK-Milan, SEV-Milan, SEV-VLEK-Milan */
	const uint8_t *ark_sha256; /* of the certificate */
	struct bytes certificates; /* ASK, ARK, ASVK in DER, one behind the other */
};

struct trust {
	const uint8_t *intel_root_sha256; /* of the certificate */
	/* MRSIGNER of Intel's quoting enclaves: what a quote without collateral is held to. A platform's owner can have
	 * any enclave's report signed by its PCK. */
	const uint8_t *qe_signer_tdx;
	const uint8_t *qe_signer_sgx;
	const struct trust_amd *amd;
	size_t amd_count;
};

extern const struct trust trust_vendors;
