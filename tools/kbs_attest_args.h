#pragma once
#include "attest/attester.h"
#include "tools/kbs_attest.h"

/* Options of `init-data` and `evidence`. */
struct guest_args {
	const char *algorithm;
	const char *attester; /* NULL: "auto" */
	const char *tee;
	const char *report_data;
	const char *tee_root;
	const char *tpm;
	bool json;
	bool annotation;
	bool disk;
	char **words; /* what is no option */
	int word_count;
};

/* `allowed` lists the options' letters: a algorithm, j json, n annotation, d disk, e tee, t attester, r report-data, R
 * tee-root, p tpm. -1, or the exit code: the reason was printed. */
int guest_args_read(struct guest_args *args, const char *allowed, int argc, char **argv);

struct attester_machine guest_args_machine(const struct guest_args *args);

/* To standard output, with the end of a line where `line`. */
enum err guest_print(struct bytes text, bool line, struct errmsg *em) MUST_USE;
