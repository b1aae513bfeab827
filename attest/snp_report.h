#pragma once
#include "common/bytes.h"

/* SEV-SNP attestation reports, versions 2 to 5. "SEV Secure Nested Paging Firmware ABI", "ATTESTATION_REPORT". */

enum { SNP_REPORT_LEN = 1184, SNP_SIGNED_LEN = 0x2a0 };

enum snp_signer { SNP_VCEK = 0, SNP_VLEK = 1 };

struct snp_report {
	struct bytes data;
	unsigned version;
	uint64_t policy;
	unsigned vmpl;
	unsigned key_info;
	uint8_t signature[96]; /* r || s, big-endian */
};

/* ERR_PARSE, ERR_UNSUPPORTED. */
enum err snp_report_parse(struct bytes data, struct snp_report *out, struct errmsg *em) MUST_USE;

enum snp_field {
	SNP_FAMILY_ID,
	SNP_IMAGE_ID,
	SNP_PLATFORM_INFO,
	SNP_REPORT_DATA,
	SNP_MEASUREMENT,
	SNP_HOST_DATA,
	SNP_ID_KEY_DIGEST,
	SNP_AUTHOR_KEY_DIGEST,
	SNP_REPORT_ID,
	SNP_REPORTED_TCB,
	SNP_CHIP_ID,
	SNP_FIELDS
};
struct bytes snp_field(const struct snp_report *r, enum snp_field field);

/* "Milan", "Genoa", "Turin"; NULL: version 2 (says nothing) or unknown. */
const char *snp_report_product(const struct snp_report *r);

/* A TCB version; fmc is -1 where the product has none. */
struct snp_tcb {
	int fmc, bootloader, tee, snp, microcode;
};
struct snp_tcb snp_tcb_read(struct bytes tcb, bool turin);
