#pragma once
#include "tools/cli.h"

/* The parts of kbs-attest: each takes what follows its word, argv[0] being that word, and returns the exit code. */
int attest_measure(int argc, char **argv);
int attest_reference(int argc, char **argv);
int attest_init_data(int argc, char **argv);
int attest_evidence(int argc, char **argv);

/* Parts of attest_measure(). */
int attest_measure_rtmr(int argc, char **argv);
int attest_measure_tee_info(int argc, char **argv);
