#include "common/once.h"

#include <unistd.h>

#define DONE (-1) /* 0: not begun; else the process in which a thread is at it */

bool once_do(struct once *once, bool (*do_it)(void))
{
	int now = atomic_load_explicit(&once->state, memory_order_acquire);
	if (now == DONE)
		return true;
	int self = getpid();
	for (; now != DONE; now = atomic_load(&once->state)) {
		if (now == self) {
			usleep(100);
			continue;
		}
		if (!atomic_compare_exchange_strong(&once->state, &now, self))
			continue;
		bool good = do_it();
		atomic_store(&once->state, good ? DONE : 0);
		return good;
	}
	return true;
}
