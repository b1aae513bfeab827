#pragma once
#include "common/secret.h"

#include <sys/types.h>

/* Reads a whole regular file of at most `max` bytes; replaces what `out` holds. Never waits for a pipe.
 * ERR_NOT_FOUND, ERR_IO (also: not a regular file), ERR_LIMIT. */
enum err file_read(const char *path, size_t max, struct buf *out, struct errmsg *em) MUST_USE;
/* The same straight into the arena (no stdio, no other copy). "-" is standard input. */
enum err file_read_secret(const char *path, size_t max, struct secret **out, struct errmsg *em) MUST_USE;

/* Writes a temporary file beside `path` with just `mode` (the umask does not matter), fsyncs it, renames it into place
 * and fsyncs the folder. A symbolic link under `path` is replaced, not followed. With `keep_existing` an existing file
 * gives ERR_EXISTS. Nothing half-written is ever seen under `path`. ERR_NOT_FOUND: no such folder. ERR_IO. */
struct file_write {
	mode_t mode;
	bool keep_existing;
};
enum err file_write_atomic(const char *path, struct bytes contents, struct file_write how, struct errmsg *em) MUST_USE;

/* ERR_CONFIG unless the open file belongs to root or to us and neither group nor others may write it. */
enum err file_check_trusted(int fd, const char *path, struct errmsg *em) MUST_USE;
