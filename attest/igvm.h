#pragma once
#include "attest/cursor.h"

/* IGVM: a file that says what a loader puts into a guest's memory, and in which order, for one or more platforms. Every
 * byte is checked before it is believed; nothing is copied. */

enum { IGVM_PAGE_LEN = 4096 };

enum igvm_platform { IGVM_SNP = 2, IGVM_TDX = 3 };

enum igvm_kind {
	IGVM_DATA, /* with contents; none: zeros */
	IGVM_UNMEASURED, /* with contents that the loader chooses, or that count for nothing */
	IGVM_SECRETS,
	IGVM_CPUID,
	IGVM_VP_CONTEXT, /* a virtual processor's state: SEV-SNP's VMSA */
	IGVM_ID_BLOCK, /* no page: SEV-SNP's, `data` is the launch digest that it demands */
};

struct igvm_event {
	enum igvm_kind kind;
	uint64_t gpa;
	struct bytes data; /* of IGVM_DATA (may be empty) and IGVM_VP_CONTEXT: a page */
};

struct igvm_sink {
	enum err (*take)(void *to, const struct igvm_event *event, struct errmsg *em);
	void *to;
};

/* True of what begins as such a file. */
bool igvm_is(struct bytes file);

/* Gives the sink what is loaded for the platform, in the file's order, and stops at its first error. ERR_PARSE;
 * ERR_INTEGRITY (checksum); ERR_LIMIT; ERR_UNSUPPORTED: not for the platform, or it demands of a loader what is not
 * known here. Whatever fails, the sink may have got events before. */
enum err igvm_read(struct bytes file, enum igvm_platform platform, const struct igvm_sink *sink,
		   struct errmsg *em) MUST_USE;
