#pragma once
#include <pthread.h>
#include <stddef.h>

/* As pthread_create(), with all signals blocked: they are for the threads of whoever called us. */
int thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/* On how many processors this process may run, at least 1: sched_getaffinity(2). */
size_t processor_count(void);
