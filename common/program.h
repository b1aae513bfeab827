#pragma once
#include "common/deadline.h"
#include "common/secret.h"

struct program {
	char *const *argv;
	struct bytes input; /* for its standard input */
	struct deadline until;
	size_t output_max; /* bytes */
};

/* Runs a program without a shell, with no descriptors but its standard ones, in a process group of its own; gives it
 * the input and takes what it prints. At the deadline, or when it prints more, the group is killed. Blocks. Leaves no
 * process and no pending signal behind.
 * ERR_NOT_FOUND (no such program), ERR_TIMEOUT, ERR_LIMIT; where it failed, ERR_PROTO: the text has its status and the
 * first line of its standard error. *exit_status: where it ended with another status than 0, and then
 * there is an output as well; else -1. */
enum err program_run(const struct program *p, struct secret **output, int *exit_status, struct errmsg *em) MUST_USE;
