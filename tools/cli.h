#pragma once
#include "common/err.h"

/* What every command does alike. */

/* The start of every main(): hardens the process (exits 1 where that fails), and handles `--help` / `--version` where
 * they are the first argument: prints to stdout and exits 0. `help` teaches: usage, options, examples, exit codes. */
void cli_begin(const char *command, const char *help, int argc, char **argv);

/* "kbs-image: <text>" on stderr; returns the exit code of `e`. */
int cli_fail(enum err e, const struct errmsg *em);

/* "kbs-image: <text>" and "Try 'kbs-image --help'." on stderr; returns 2. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* True if stderr is a terminal that a progress bar may be drawn on. */
int cli_on_terminal(void);
