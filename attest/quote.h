#pragma once
#include "common/bytes.h"

/* Intel quotes: SGX version 3, SGX and TDX versions 4 and 5. Everything is borrowed from the quote's bytes, with
 * lengths that were checked: 64 bytes for signatures and keys, 384 for an SGX report. */

enum { SGX_REPORT_LEN = 384, TD10_REPORT_LEN = 584, TD15_REPORT_LEN = 648 };

struct quote {
	unsigned version;
	bool tdx; /* else SGX */
	struct bytes header; /* 48 bytes */
	struct bytes body; /* an SGX report or a TD report of 584 or 648 bytes */
	struct bytes is_signed; /* what the attestation key signed */
	struct bytes signature; /* r || s, big-endian */
	struct bytes attestation_key; /* x || y */
	struct bytes qe_report;
	struct bytes qe_signature;
	struct bytes auth_data;
	struct bytes pck_chain; /* PEM */
};

/* ERR_PARSE, ERR_UNSUPPORTED. */
enum err quote_parse(struct bytes data, struct quote *out, struct errmsg *em) MUST_USE;

/* Fields of a TD report: where they lie in the body. */
enum td_field {
	TD_TEE_TCB_SVN,
	TD_MR_SEAM,
	TD_MR_SIGNER_SEAM,
	TD_SEAM_ATTRIBUTES,
	TD_ATTRIBUTES,
	TD_XFAM,
	TD_MR_TD,
	TD_MR_CONFIG_ID,
	TD_MR_OWNER,
	TD_MR_OWNER_CONFIG,
	TD_RTMR0,
	TD_RTMR1,
	TD_RTMR2,
	TD_RTMR3,
	TD_REPORT_DATA,
	TD_FIELDS_10,
	TD_TEE_TCB_SVN2 = TD_FIELDS_10, /* version 1.5 only */
	TD_MR_SERVICE_TD,
	TD_FIELDS_15
};
struct bytes td_field(struct bytes body, enum td_field field);
const char *td_field_name(enum td_field field); /* its claim: "mr_td" */

/* Fields of an SGX report. */
enum sgx_field {
	SGX_CPU_SVN,
	SGX_MISC_SELECT,
	SGX_ISV_EXT_PROD_ID,
	SGX_ATTRIBUTES,
	SGX_MR_ENCLAVE,
	SGX_MR_SIGNER,
	SGX_CONFIG_ID,
	SGX_ISV_PROD_ID,
	SGX_ISV_SVN,
	SGX_CONFIG_SVN,
	SGX_ISV_FAMILY_ID,
	SGX_REPORT_DATA,
	SGX_FIELDS
};
struct bytes sgx_field(struct bytes report, enum sgx_field field);
const char *sgx_field_name(enum sgx_field field);
