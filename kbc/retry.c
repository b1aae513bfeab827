#include "kbc/retry.h"

#include <sys/random.h>

bool retry_worth(enum err e)
{
	return e == ERR_NET || e == ERR_TIMEOUT || e == ERR_BUSY;
}

int64_t retry_backoff_ms(unsigned tries)
{
	int64_t ms = RETRY_FIRST_MS;
	for (unsigned i = 1; i < tries && ms < RETRY_LONGEST_MS; i++)
		ms *= 2;
	if (ms > RETRY_LONGEST_MS)
		ms = RETRY_LONGEST_MS;
	uint16_t dice = 0; /* stays 0 without entropy: the wait is then merely not spread */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice))
		dice = 0;
	return ms - ms * (dice % 256) / 1024;
}

bool retry_wait(struct retry *r, int64_t after_ms)
{
	if (++r->tries >= RETRY_TRIES)
		return false;
	int64_t ms = retry_backoff_ms(r->tries);
	if (ms < after_ms)
		ms = after_ms < RETRY_AFTER_LONGEST_MS ? after_ms : RETRY_AFTER_LONGEST_MS;
	/* A wait that ends at the deadline only delays the same answer. */
	return ms < deadline_left_ms(r->deadline) && deadline_sleep_ms(r->deadline, ms);
}
