#pragma once
#include "common/deadline.h"
#include "common/err.h"

/* Locks of whole folders, between processes and threads: of the open folder, let go when it is closed. */

struct lock_wait {
	struct deadline deadline;
	/* Asked whether to give up, ERR_IO. NULL: never. */
	bool (*interrupted)(void *user);
	void *interrupted_user;
};
enum lock_kind {
	LOCK_ALONE,
	LOCK_WITH_OTHERS, /* who are of this kind, too */
};
/* A lock that is held changes its kind. ERR_BUSY at the deadline, and `what` is locked then; ERR_IO: the folder was
 * removed. */
enum err lock_take(int dir, enum lock_kind kind, struct lock_wait wait, const char *what, struct errmsg *em) MUST_USE;
void lock_leave(int dir);
