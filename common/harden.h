#pragma once
#include "common/err.h"

/* For our commands (and for host processes only where "harden" is configured): not dumpable, no core,
 * no ptrace by the same user. */
enum err harden_process(struct errmsg *em) MUST_USE;
