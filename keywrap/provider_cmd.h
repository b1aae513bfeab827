#pragma once
#include "common/deadline.h"
#include "common/secret.h"

/* Runs a program without a shell, with no descriptors but its standard ones, in a process group of its own; gives it
 * `input` and takes what it prints. At the deadline, or when it prints more than PROVIDER_MESSAGE_MAX, the group is
 * killed. Blocks. Leaves no process and no pending signal behind.
 * ERR_NOT_FOUND (no such program), ERR_TIMEOUT, ERR_LIMIT; where it failed, ERR_PROTO or, by the exit statuses of
 * kbs-keyprovider(1), ERR_NET (4), ERR_DENIED (5), ERR_NOT_FOUND (6), ERR_INTEGRITY (7), ERR_KEY (9): the text has its
 * status and the first line of its standard error. */
enum err provider_cmd_run(char *const *argv, struct bytes input, struct deadline until, struct secret **output,
			  struct errmsg *em) MUST_USE;
