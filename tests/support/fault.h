#pragma once
#include <stdbool.h>
#include <stddef.h>

/* tests/support/.libs/fault.so, to be preloaded (LD_PRELOAD): makes the Nth allocation, or the Nth call to the network,
 * of a process fail, once. What is ours and what is a library's is told apart by the stack: the call of ours (the
 * innermost frame in one of our own files) in which the failure was injected.
 *
 * For a program as it is: FAULT=KIND:N in its environment arms it from the start; FAULT=KIND:0 only counts. At the end
 * it writes `FAULT_CALLS n` and what was done to the file that FAULT_REPORT names, if any.
 * For a driver: dlsym(RTLD_DEFAULT, "fault_arm") and so on; a driver and what it forks are never armed by themselves.
 */
enum fault_kind {
	FAULT_NONE,
	FAULT_ALLOC, /* malloc, calloc, realloc, memalign, mmap of memory: ENOMEM */
	FAULT_RESET, /* socket, connect, send, recv, poll, getaddrinfo ...: ECONNRESET and the like */
	FAULT_TIMEOUT, /* ETIMEDOUT; nothing comes in a poll */
	FAULT_INTERRUPT, /* EINTR */
	FAULT_SHORT, /* one byte is sent or comes */
	FAULT_END, /* the peer has closed */
	FAULT_KINDS
};

struct fault_seen {
	unsigned long calls; /* of that kind since it was armed */
	bool fired;
	char call[24]; /* the function that failed */
	void *own; /* return address of the innermost frame of ours; NULL: none of ours was on the stack */
	char where[136]; /* and the frames nearest to it, for people */
};

struct fault_leak {
	void *own;
	size_t size;
	char where[136];
};

void fault_arm(enum fault_kind kind, unsigned long at);
void fault_disarm(struct fault_seen *seen);
/* What of ours is on a stack; writes the frames nearest to it as text. */
void *fault_own_frame(char *where, size_t size);
/* Blocks of memory in use in this process. */
long fault_live(void);
/* From now on remembers who allocated what; then lists what is still there. */
void fault_track(void);
size_t fault_tracked(struct fault_leak *to, size_t max);
