#include "image/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

enum err lock_take(int dir, enum lock_kind kind, struct lock_wait wait, const char *what, struct errmsg *em)
{
	int operation = kind == LOCK_ALONE ? LOCK_EX : LOCK_SH;
	for (;;) {
		if (flock(dir, operation | LOCK_NB) == 0)
			break;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(em, ERR_IO, "locking %s", what);
		if (deadline_passed(wait.deadline))
			return err_set(em, ERR_BUSY, "%s is locked by somebody else", what);
		if (wait.interrupted && wait.interrupted(wait.interrupted_user))
			return err_set(em, ERR_IO, "interrupted");
		deadline_sleep_ms(wait.deadline, 20);
	}
	struct stat st;
	if (fstat(dir, &st) == 0 && st.st_nlink > 0)
		return OK;
	lock_leave(dir);
	return err_set(em, ERR_IO, "the folder was removed in the meantime");
}

void lock_leave(int dir)
{
	(void)flock(dir, LOCK_UN);
}
