#pragma once
#include "common/err.h"

#include <getopt.h>

/* What every command does alike. */

/* The start of every main(): hardens the process (exits 1 where that fails), and handles `--help` / `--version` where
 * they are the first argument: prints to stdout and exits 0. `help` teaches: usage, options, examples, exit codes. */
void cli_begin(const char *command, const char *help, int argc, char **argv);

/* "kbs-image: <text>" on stderr; returns the exit code of `e`. */
int cli_fail(enum err e, const struct errmsg *em);

/* "kbs-image: <text>" and "Try 'kbs-image --help'." on stderr; returns 2. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The next option, as getopt_long() gives it; -1: there is none. '?': what is wrong was said as cli_usage() does, and
 * its exit code is CLI_USAGE. The value of an unknown option, which may be a secret, is not repeated. letters: the
 * short ones, behind a colon. */
#define CLI_USAGE 2
int cli_option(int argc, char **argv, const char *letters, const struct option *options);

/* True if stderr is a terminal that a progress bar may be drawn on. */
int cli_on_terminal(void);
