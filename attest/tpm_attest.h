#pragma once
#include "common/bytes.h"

/* What a TPM 2.0 says and signs: TPMS_ATTEST of a quote and TPMT_SIGNATURE. "TPM 2.0 Library, Part 2:
 * Structures", 10.12 and 11.3; integers are big-endian there. Private to attest/. */

enum { TPM_PCR_COUNT = 24, TPM_PCR_SIZE = 32 }; /* of the SHA-256 bank */

struct tpm_attest {
	struct bytes signer; /* the qualified name of the key */
	struct bytes nonce; /* extraData: the qualifying data that the TPM was given */
	uint64_t clock; /* milliseconds that the TPM has had power */
	uint32_t resets, restarts;
	bool clock_safe;
	uint64_t firmware;
	uint32_t selected; /* bit n: PCR n of the SHA-256 bank, the only one that may be quoted */
	struct bytes pcr_digest;
};
/* Borrowed from `data`, all of which must be one quote. ERR_PARSE; ERR_UNSUPPORTED: other banks. */
enum err tpm_attest_parse(struct bytes data, struct tpm_attest *out, struct errmsg *em) MUST_USE;

enum tpm_scheme { TPM_RSASSA = 0x0014, TPM_RSAPSS = 0x0016, TPM_ECDSA = 0x0018 };

struct tpm_signature {
	enum tpm_scheme scheme;
	const char *hash; /* OpenSSL's name: "SHA256" */
	struct bytes first; /* RSA: the signature; ECDSA: r */
	struct bytes second; /* ECDSA: s */
};
/* ERR_PARSE; ERR_UNSUPPORTED: another scheme, or SHA-1. */
enum err tpm_signature_parse(struct bytes data, struct tpm_signature *out, struct errmsg *em) MUST_USE;
