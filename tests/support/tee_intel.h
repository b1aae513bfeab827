#pragma once
#include "attest/quote.h"
#include "attest/trust.h"
#include "tests/support/tee_pki.h"

/* Intel, a platform of theirs and a quote of it. intel_open() gives one in which everything is right at `now`; a test
 * bends a member and calls intel_make(). */

enum intel_role { INTEL_ROOT, INTEL_CA, INTEL_PCK, INTEL_TCB, INTEL_QE, INTEL_STRANGER, INTEL_ROLES };

struct intel {
	EVP_PKEY *keys[INTEL_ROLES]; /* INTEL_QE: the attestation key */
	int64_t now;
	/* Certificates of ROOT, CA, PCK, TCB. */
	const char *cn[4];
	int64_t from[4];
	int64_t until[4];
	enum intel_role signer[4];
	bool ca[4];
	bool strange_extension; /* a critical one in the PCK certificate */
	bool no_sgx_extension;
	bool no_fmspc; /* in it */
	/* CRLs: of the root, of the CA. */
	int64_t crl_from[2];
	int64_t crl_until[2];
	enum intel_role crl_signer[2];
	long revoked[2]; /* serial numbers are 1 + role */
	bool crl_critical[2];
	/* The platform, as its certificate has it. */
	uint8_t fmspc[6];
	uint8_t pceid[2];
	uint8_t components[16];
	unsigned pcesvn;
	/* The quote. */
	unsigned version;
	bool tdx;
	bool td15;
	uint8_t body[TD15_REPORT_LEN];
	uint8_t qe_report[SGX_REPORT_LEN];
	enum intel_role qe_report_signer;
	enum intel_role quote_signer;
	bool bind_other_key;
	bool chain_short; /* two certificates */
	/* The texts; NULL: the right ones. Replaced whole. */
	char *tcb_info;
	char *qe_identity;
	enum intel_role tcb_info_signer;
	enum intel_role qe_identity_signer;
	bool other_text; /* changed after it was signed */
	bool wrapped; /* as Intel's service answers */
	/* What comes out. */
	struct buf root; /* signed once: ECDSA signs differently each time, and its hash is the pin */
	uint8_t root_sha256[32];
	struct trust trust;
	struct buf quote;
	struct buf collateral;
};

void intel_open(struct intel *w, unsigned version, bool tdx);
void intel_make(struct intel *w);
/* The body has changed: the quote anew, under the same root. */
void intel_requote(struct intel *w);
/* Everything that has a date, around this day instead of 2030: before intel_make(). */
void intel_today(struct intel *w, int64_t now);
void intel_close(struct intel *w); /* keys stay for the next one: they are made once */

/* Where a field lies in the body. */
uint8_t *intel_td(struct intel *w, enum td_field field);
uint8_t *intel_sgx(uint8_t *report, enum sgx_field field);
/* The first `from` in the text becomes `to`; aborts if there is none. Makes the text if it is NULL. */
void intel_edit(struct intel *w, char **text, const char *from, const char *to);
