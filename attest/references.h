#pragma once
#include "attest/measure.h"
#include "common/key.h"

/* A published measurement with everything that it was computed from but the firmware: whoever has that file computes it
 * again. Forms: JSON of our own, RVPS "sample", CoRIM; signed as JWS (JSON) or COSE_Sign1 (CoRIM), or not. */

enum references_form { REFERENCES_JSON, REFERENCES_RVPS, REFERENCES_CORIM };

enum references_tee { REFERENCES_TDX, REFERENCES_SNP };

/* Values that a CoRIM of somebody else's names, with nothing of what they were computed from. */
struct references_named {
	enum references_tee tee;
	uint8_t value[MEASURE_LEN];
};
enum { REFERENCES_NAMED_MAX = 64 };

/* Plain data. Texts are UTF-8; "" is "not said". */
struct references {
	enum references_tee tee;
	char firmware[256]; /* the file's name without its folder */
	uint64_t firmware_len;
	uint8_t firmware_sha256[32];
	uint8_t value[MEASURE_LEN]; /* SHA-384 */
	bool igvm; /* the file says itself what the members that are marked so are about */
	enum measure_order order; /* tdx, not igvm */
	char vmm[32]; /* snp: one of measure_vmm_named() */
	char vmm_version[64];
	unsigned vcpus; /* snp, not igvm */
	char vcpu_type[32]; /* snp, not igvm: QEMU's name; other VMMs go without */
	uint64_t features; /* snp, not igvm */
	bool has_boot; /* snp, not igvm: `boot` counts */
	struct measure_boot_hashes boot;
	int64_t svn; /* -1: not said */
	int64_t not_before; /* seconds of the epoch; 0: not said */
	int64_t not_after;
	char signer[256];
	size_t named_count; /* not 0: these and the validity are all that is known */
	struct references_named named[REFERENCES_NAMED_MAX];
};

/* The name that RVPS and kbs-verify have for the value: "mr_td", "snp_launch_measurement". */
const char *references_name(enum references_tee tee);

/* Computes the value from `firmware` as `of` says, whatever `of->value` holds. Errors of measure.h. */
enum err references_measure(const struct references *of, struct bytes firmware, uint8_t value[MEASURE_LEN],
			    struct errmsg *em) MUST_USE;

/* ERR_ARG, with the reason: of a text that is too long or no UTF-8. `to` has `size` bytes. */
struct references_text {
	char *to;
	size_t size;
};
enum err references_text_set(struct references_text to, struct bytes text, struct errmsg *em) MUST_USE;

/* key NULL: not signed, and then `certificate` is NULL as well. An RVPS document cannot be signed (ERR_ARG). The
 * certificate, which may be NULL, goes along (x5c, x5chain); it must be the key's (ERR_KEY). */
struct references_seal {
	EVP_PKEY *key;
	X509 *certificate;
};
enum err references_write(const struct references *of, enum references_form form, const struct references_seal *seal,
			  struct buf *out, struct errmsg *em) MUST_USE;

/* Any form, recognised by content; every byte of it is hostile. With a `key` it must be signed, by that key:
 * ERR_INTEGRITY. *is_signed: a signature is there, checked only with a `key`. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED
 * (among others: values without what they were computed from, but for a CoRIM's: `named`). */
enum err references_read(struct bytes file, EVP_PKEY *key, struct references *out, bool *is_signed,
			 struct errmsg *em) MUST_USE;
