#include "common/deadline.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_int_least64_t shifted;

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t boottime_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME) + atomic_load_explicit(&shifted, memory_order_relaxed);
}

void boottime_shift(int64_t ms)
{
	atomic_fetch_add(&shifted, ms);
}

struct deadline deadline_in_ms(int64_t ms)
{
	int64_t now = monotonic_ms();
	if (ms < 0)
		ms = 0;
	return (struct deadline){ .at_ms = ms > INT64_MAX - now ? INT64_MAX : now + ms };
}

int64_t deadline_left_ms(struct deadline d)
{
	int64_t now = monotonic_ms();
	return d.at_ms > now ? d.at_ms - now : 0;
}

bool deadline_passed(struct deadline d)
{
	return deadline_left_ms(d) == 0;
}

struct deadline deadline_earlier(struct deadline a, struct deadline b)
{
	return a.at_ms < b.at_ms ? a : b;
}

struct timespec deadline_timespec(struct deadline d)
{
	int64_t at = d.at_ms > 0 ? d.at_ms : 0;
	return (struct timespec){ .tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000 };
}

bool deadline_sleep_ms(struct deadline d, int64_t ms)
{
	struct timespec until = deadline_timespec(deadline_earlier(d, deadline_in_ms(ms)));
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
	return !deadline_passed(d);
}
