#pragma once
#include <stddef.h>
#include <stdint.h>

/* The members of an SNP report in evidence JSON, and where they lie in the report. Both ways. */

enum snp_member_kind { SNP_NUMBER, SNP_OCTETS, SNP_TCB, SNP_VERSION };

struct snp_member {
	const char *name;
	uint16_t at;
	uint16_t len;
	enum snp_member_kind kind;
	unsigned since; /* the report's version; before it the member is null or missing */
};

enum { SNP_MEMBERS = 28 };
extern const struct snp_member snp_members[SNP_MEMBERS];

/* The two numbers of the signature, "r" and "s", as they lie in the report. */
enum { SNP_NUMBER_LEN = 72 };

/* The kinds of certificates in evidence and in the table of an extended report. NULL: none of these. */
const char *snp_cert_kind(const uint8_t guid[16]);
