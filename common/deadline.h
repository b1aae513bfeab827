#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A point on CLOCK_MONOTONIC. Every wait has one. */
struct deadline {
	int64_t at_ms;
};

int64_t monotonic_ms(void);
/* CLOCK_BOOTTIME: goes on while the machine is suspended, and no one sets it. For how old a thing is; never for waits,
 * which are CLOCK_MONOTONIC's. */
int64_t boottime_ms(void);
void boottime_shift(int64_t ms); /* for tests: lets that much time pass */
struct deadline deadline_in_ms(int64_t ms);
int64_t deadline_left_ms(struct deadline d); /* never below 0 */
bool deadline_passed(struct deadline d);
struct deadline deadline_earlier(struct deadline a, struct deadline b);
/* For pthread_cond_timedwait() on a condition made with CLOCK_MONOTONIC. */
struct timespec deadline_timespec(struct deadline d);
/* Sleeps `ms`, but not past `d`. Returns false if the deadline is passed afterwards. */
bool deadline_sleep_ms(struct deadline d, int64_t ms);
