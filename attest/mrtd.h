#pragma once
#include "attest/measure.h"

#include <openssl/evp.h>

/* TDX Module ABI, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND: one SHA-384 over what was added and with which contents. */

enum { MRTD_PAGE_LEN = 4096 };

/* `failed` stays once set. */
struct mrtd {
	EVP_MD_CTX *md;
	bool failed;
};

/* ERR_CRYPTO. mrtd_free() in any case. */
enum err mrtd_begin(struct mrtd *m, struct errmsg *em) MUST_USE;
void mrtd_free(struct mrtd *m);

void mrtd_add(struct mrtd *m, uint64_t gpa);
/* The contents of the page at gpa: `data`, a page at most, and zeros behind it. */
void mrtd_extend(struct mrtd *m, uint64_t gpa, struct bytes data);

enum err mrtd_end(struct mrtd *m, uint8_t out[MEASURE_LEN], struct errmsg *em) MUST_USE;
