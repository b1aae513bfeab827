#pragma once
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Wrong PINs in a row: of this process, or, in a file, of all that share it. */
struct pin_count {
	unsigned wrong;
	int64_t not_before; /* boottime_ms() of the next try */
};

/* Loads, changes and stores the count as one step; the lock on the file is held for no longer. path NULL: nothing is
 * read or written. A file that is not ours alone, or holds anything else, is ERR_CONFIG: no PIN is tried then. */
struct pin_count_file {
	int fd; /* -1: none */
};
enum err pin_count_open(const char *path, struct pin_count_file *file, struct pin_count *count,
			struct errmsg *em) MUST_USE;
/* Writes it, if `count` is not NULL, and lets go. */
enum err pin_count_close(struct pin_count_file *file, const struct pin_count *count, struct errmsg *em) MUST_USE;

/* A try is counted as a wrong one before it is made, so that many at once gain nothing. Returns how long it has to
 * wait. now: boottime_ms(). */
int64_t pin_count_try(struct pin_count *count, int64_t now);
