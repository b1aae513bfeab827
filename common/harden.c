#include "common/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>

enum err harden_process(struct errmsg *em)
{
	/* Not dumpable: no core, /proc/self belongs to root, nobody with the same uid may ptrace. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_errno(em, ERR_INTERNAL, "cannot make the process undumpable");
	/* A core_pattern that pipes ignores the limit, a file honours it: both are shut. */
	struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_errno(em, ERR_INTERNAL, "cannot forbid core dumps");
	return OK;
}
