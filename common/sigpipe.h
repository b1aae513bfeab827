#pragma once
#include <signal.h>
#include <stdbool.h>

/* A write to a dead connection or pipe must not raise SIGPIPE in the host process, and what that does with the signal
 * is its own affair: blocked in this thread, and in those that it starts, until it is unblocked; one that arose
 * meanwhile is taken back. */
struct sigpipe_guard {
	sigset_t before;
	bool was_pending;
};
struct sigpipe_guard sigpipe_block(void);
void sigpipe_unblock(const struct sigpipe_guard *guard);
