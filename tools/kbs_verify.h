#pragma once
#include "attest/verifier.h"

/* The parts of kbs-verify. */

enum { VERIFY_CERTS_MAX = 16 };

struct verify_args {
	const char *kind; /* "tdx", ..., "json" */
	const char *file;
	const char *tee; /* json only */
	const char *collateral;
	const char *certs[VERIFY_CERTS_MAX];
	size_t cert_count;
	const char *event_log;
	const char *signature;
	const char *pcrs;
	const char *time;
	const char *report_data;
	const char *init_data;
	const char *reference;
	const char *vmpl;
	unsigned tcb_accepted;
	bool json;
	const char *eat; /* file of a private key */
};

/* -1: go on; else the exit code, and the reason was printed. */
int verify_args_read(struct verify_args *args, int argc, char **argv);

/* To standard output. ERR_IO, ERR_NOMEM. */
enum err verify_print_table(const struct appraisal *a, struct errmsg *em) MUST_USE;
enum err verify_print_json(const char *tee, const struct appraisal *a, struct errmsg *em) MUST_USE;
/* A signed result. ERR_ARG: the key. */
enum err verify_print_eat(const struct verify_args *args, const struct verifier_input *in, const struct appraisal *a,
			  struct errmsg *em) MUST_USE;

/* See kbs-verify(1). */
int verify_exit_code(enum appraisal_status status);
int verify_error_code(enum err e);
