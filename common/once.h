#pragma once
#include <stdatomic.h>
#include <stdbool.h>

/* Something that a process does once, and again where it failed: pthread_once() makes a failure last. Others wait while
 * a thread is at it; a forked child does not wait for a thread that it has not. Static ones begin as ONCE_INIT. */
struct once {
	atomic_int state;
};
#define ONCE_INIT                                                                                                      \
	{                                                                                                              \
		0                                                                                                      \
	}

/* True: it is done. do_it() is run by one thread at a time and says whether it succeeded. */
bool once_do(struct once *once, bool (*do_it)(void));
