#pragma once
#include "attest/measure.h"

/* SEV-SNP firmware ABI, "PAGE_INFO": the launch digest takes in one page after the other. */

enum { LAUNCH_PAGE_LEN = 4096 };

/* Where KVM puts what it measures of a virtual processor. */
#define LAUNCH_VMSA_GPA 0xfffffffff000ULL

enum launch_page_type {
	LAUNCH_NORMAL = 1,
	LAUNCH_VMSA = 2,
	LAUNCH_ZERO = 3,
	LAUNCH_UNMEASURED = 4,
	LAUNCH_SECRETS = 5,
	LAUNCH_CPUID = 6
};

/* The digest as it grows, all zeros first; `failed` stays once set. */
struct launch {
	uint8_t digest[MEASURE_LEN];
	bool failed;
};

/* A page with its contents, LAUNCH_PAGE_LEN bytes; data NULL: of those types whose contents are not measured. */
void launch_page(struct launch *l, enum launch_page_type type, const uint8_t *data, uint64_t gpa);

/* ERR_CRYPTO if a hash failed on the way. */
enum err launch_end(const struct launch *l, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;
