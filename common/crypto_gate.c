#include "common/crypto_gate.h"

#include "common/cleanup.h"
#include "common/once.h"

#include <pthread.h>
#include <stdatomic.h>

/* Shared by those who compute, alone for who forks. Writers first: steady work must not keep a fork waiting. So a
 * thread must not take it twice: a fork may wait in between. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
/* In a child that a signal handler forked in the middle of a computation: its lock cannot be trusted any more. */
static atomic_bool broken;
/* How deep this thread is inside. Counted before the lock is taken, and until after it is given up: a signal handler
 * that forks in between must not wait for its own thread. */
static THREAD_LOCAL unsigned depth;
static THREAD_LOCAL bool shut; /* by this thread's fork */
static _Atomic(const struct crypto_gate *) shared; /* another copy's; NULL: this one */

static void own_enter(void)
{
	if (depth++ == 0 && !broken)
		pthread_rwlock_rdlock(&lock);
}

static void own_leave(void)
{
	if (depth == 1 && !broken)
		pthread_rwlock_unlock(&lock);
	depth--;
}

static const struct crypto_gate own = { own_enter, own_leave };

const struct crypto_gate *crypto_gate(void)
{
	const struct crypto_gate *other = atomic_load_explicit(&shared, memory_order_acquire);
	return other ? other : &own;
}

void crypto_gate_share(const struct crypto_gate *gate)
{
	atomic_store_explicit(&shared, gate, memory_order_release);
}

void crypto_gate_enter(void)
{
	crypto_gate()->enter();
}

void crypto_gate_leave(void)
{
	crypto_gate()->leave();
}

static void before_fork(void)
{
	shut = depth == 0 && !broken;
	if (shut)
		pthread_rwlock_wrlock(&lock);
}

static void after_fork_in_parent(void)
{
	if (shut)
		pthread_rwlock_unlock(&lock);
	shut = false;
}

static void after_fork_in_child(void)
{
	static const pthread_rwlock_t open = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	if (shut)
		lock = open; /* unlocking knows the owner by its thread, which has another number here */
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
