#pragma once
#include "common/bytes.h"

#include <sys/types.h>

/* Files below a folder that others may have filled: no symbolic link is followed, nothing outside is reached, and
 * opening never blocks on a FIFO or a device. `dir` is the folder's descriptor, `path` relative to it. */

struct beneath {
	int dir;
	const char *path;
};

/* *out: the caller's to close. ERR_NOT_FOUND; ERR_IO with ELOOP's text for a link in the way. */
enum err beneath_open(struct beneath file, int flags, mode_t mode, int *out, struct errmsg *em) MUST_USE;
/* A regular file for reading; *size may be NULL. */
enum err beneath_open_file(struct beneath file, int *out, int64_t *size, struct errmsg *em) MUST_USE;
/* A whole file of at most `max` bytes, appended to `out`. */
enum err beneath_read(struct beneath file, size_t max, struct buf *out, struct errmsg *em) MUST_USE;
/* The folder that holds `file`, *leaf being the name in it: for what the *at() calls do. */
enum err beneath_parent(struct beneath file, int *out, const char **leaf, struct errmsg *em) MUST_USE;
/* A folder's names onto the disk. */
enum err beneath_sync(struct beneath folder, struct errmsg *em) MUST_USE;
