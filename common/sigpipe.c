#include "common/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct sigpipe_guard sigpipe_block(void)
{
	struct sigpipe_guard guard = { .was_pending = false };
	sigset_t pipe, pending;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	guard.was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe, &guard.before);
	return guard;
}

void sigpipe_unblock(const struct sigpipe_guard *guard)
{
	static const struct timespec at_once = { 0, 0 };
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!guard->was_pending && sigtimedwait(&pipe, NULL, &at_once) == -1 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}
