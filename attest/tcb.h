#pragma once
#include "attest/appraisal_record.h"
#include "attest/pck.h"
#include "attest/quote.h"

/* TCB levels of Intel platforms, TDX modules and quoting enclaves, out of JSON whose signature was verified. */

enum tcb_status { /* as Intel's documents spell them: tcb_status_name() */
		  TCB_UP_TO_DATE,
		  TCB_SW_HARDENING_NEEDED,
		  TCB_CONFIGURATION_NEEDED,
		  TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
		  TCB_OUT_OF_DATE,
		  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
		  TCB_REVOKED,
		  TCB_NOT_SUPPORTED, /* lower than every level of the list */
		  TCB_STATUS_COUNT_
};
const char *tcb_status_name(enum tcb_status status);

/* The platform's status when a part of it (TDX module, quoting enclave) has `part`. */
enum tcb_status tcb_converge(enum tcb_status platform, enum tcb_status part);

struct tcb_platform {
	const struct pck *pck;
	struct bytes tee_tcb_svn; /* 16 bytes of a TD report; empty for SGX */
};
struct tcb_level {
	enum tcb_status status;
	json_object *entry; /* borrowed; NULL: none fits */
};
/* The first level of tcbInfo that the platform reaches in every part. ERR_PARSE. */
enum err tcb_platform_level(json_object *tcb_info, const struct tcb_platform *platform, struct tcb_level *out,
			    struct errmsg *em) MUST_USE;

/* The first level of a list by `isvsvn` alone: QE identity, TDX module identity. ERR_PARSE. */
enum err tcb_isvsvn_level(json_object *identity, unsigned isvsvn, struct tcb_level *out, struct errmsg *em) MUST_USE;
