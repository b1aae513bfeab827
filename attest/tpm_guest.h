#pragma once
#include "attest/tpm_library.h"
#include "common/bytes.h"

/* One conversation with a TPM 2.0. */
struct tpm_guest {
	const struct tpm_library *tss;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR key; /* the attestation key */
	bool key_made; /* for this conversation: to be flushed */
};

enum { TPM_PCRS = 24, TPM_PCR_LEN = 32, TPM_PERSISTENT_AK = 0x81010002 };

/* tcti: "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321". ERR_UNSUPPORTED, ERR_ATTEST. */
enum err tpm_guest_open(const char *tcti, struct tpm_guest *out, struct errmsg *em) MUST_USE;
void tpm_guest_close(struct tpm_guest *t);
#define AUTO_TPM __attribute__((cleanup(tpm_guest_close))) struct tpm_guest

/* Takes the attestation key: the one that lies at TPM_PERSISTENT_AK, else a restricted RSA key of the endorsement
 * hierarchy. Made from the TPM's seed by a fixed template, it is the same each time, so that a relying party can know
 * it. spki: DER. */
enum err tpm_guest_key(struct tpm_guest *t, struct buf *spki, struct errmsg *em) MUST_USE;

/* The SHA-256 bank. */
struct tpm_pcrs {
	uint8_t value[TPM_PCRS][TPM_PCR_LEN];
};
enum err tpm_guest_pcrs(struct tpm_guest *t, struct tpm_pcrs *out, struct errmsg *em) MUST_USE;

/* TPM2_Quote over all of the bank. message: TPMS_ATTEST, signature: TPMT_SIGNATURE, as the TPM writes them; pcrs: those
 * that were quoted. The key must have been taken. */
struct tpm_quote {
	struct buf message;
	struct buf signature;
	struct tpm_pcrs pcrs;
};
enum err tpm_guest_quote(struct tpm_guest *t, struct bytes nonce, struct tpm_quote *out, struct errmsg *em) MUST_USE;
