#include "pkcs11/crypto_gate.h"

#include "common/cleanup.h"
#include "common/once.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Shared by those who compute, alone for who forks. Writers first: steady work must not keep a fork waiting. */
static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
/* In a child that a signal handler forked in the middle of a computation: its gate cannot be trusted any more. */
static atomic_bool broken;
static THREAD_LOCAL bool inside;
static THREAD_LOCAL bool shut; /* by this thread's fork */

void crypto_gate_enter(void)
{
	if (broken)
		return;
	pthread_rwlock_rdlock(&gate);
	inside = true;
}

void crypto_gate_leave(void)
{
	if (!inside)
		return;
	inside = false;
	if (!broken)
		pthread_rwlock_unlock(&gate);
}

static void before_fork(void)
{
	shut = !inside && !broken;
	if (shut)
		pthread_rwlock_wrlock(&gate);
}

static void after_fork_in_parent(void)
{
	if (shut)
		pthread_rwlock_unlock(&gate);
	shut = false;
}

static void after_fork_in_child(void)
{
	static const pthread_rwlock_t open = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	if (shut)
		gate = open; /* unlocking knows the owner by its thread, which has another number here */
	else
		broken = true;
	shut = false;
}

static bool install(void)
{
	return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

bool crypto_gate_install(void)
{
	static struct once once = ONCE_INIT;
	return once_do(&once, install);
}
