#pragma once
#include "attest/snp_report.h"
#include "attest/trust.h"
#include "tests/support/tee_pki.h"

/* AMD, a chip of theirs and a report of it. amd_open() gives one in which everything is right at `now`; a test bends a
 * member and calls amd_make(). */

enum amd_role { AMD_ARK, AMD_ASK, AMD_ASVK, AMD_LEAF, AMD_STRANGER, AMD_STRANGE_LEAF, AMD_ROLES };

struct amd {
	EVP_PKEY *keys[AMD_ROLES];
	int64_t now;
	const char *product; /* "Milan", "Genoa", "Turin" */
	bool vlek;
	/* Certificates of ARK, ASK, ASVK, leaf. */
	int64_t from[4];
	int64_t until[4];
	enum amd_role signer[4];
	const char *leaf_cn; /* NULL: SEV-VCEK or SEV-VLEK */
	const char *leaf_issuer; /* NULL: the right one */
	const char *leaf_product; /* NULL: the product */
	uint8_t tcb[5]; /* of the leaf: boot loader, TEE, SNP, microcode, FMC */
	uint8_t hwid[64];
	bool hwid_wrapped; /* inside an OCTET STRING */
	bool no_csp;
	/* CRL of the ARK. */
	bool crl;
	enum amd_role crl_signer;
	long revoked; /* serial numbers are 1 + role */
	int64_t crl_until;
	/* The report; what amd_make() does not set is the test's. */
	uint8_t report[SNP_REPORT_LEN];
	enum amd_role report_signer;
	/* What comes out. */
	uint8_t ark_sha256[32];
	struct buf vendor; /* ASK, ARK, ASVK in DER */
	struct buf leaf; /* DER */
	struct buf crl_der;
	struct trust_amd row;
	struct trust trust;
};

void amd_open(struct amd *w, const char *product, unsigned version);
void amd_make(struct amd *w);
void amd_resign(struct amd *w); /* the report has changed */
void amd_close(struct amd *w);
