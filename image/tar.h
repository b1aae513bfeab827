#pragma once
#include "common/stream.h"

#include <sys/types.h>
#include <time.h>

/* A reader of tar archives as layers have them: ustar (POSIX.1-2001), PAX extended headers, GNU long names, numbers in
 * base 256, and sparse files in GNU's and all PAX formats. image-spec, "Image Layer Filesystem Changeset". Hostile
 * input: every length is bounded, every header's checksum verified, and where readers of archives would take one
 * differently it is refused. */

enum tar_type { TAR_FILE, TAR_HARD_LINK, TAR_SYMLINK, TAR_CHAR, TAR_BLOCK_DEVICE, TAR_DIRECTORY, TAR_FIFO };

struct tar_xattr {
	char *name;
	struct buf value; /* binary */
};

/* A run of a sparse file's bytes: they stand in the archive one run behind the other; all else is holes. */
struct tar_segment {
	int64_t at, len;
};
struct tar_map {
	struct tar_segment *segments; /* they never overlap, and rise */
	size_t count, cap;
	bool half; /* the last one's length is still to come */
};

enum { TAR_PATH_MAX = 4096, TAR_XATTRS_MAX = 64 };

struct tar_entry {
	enum tar_type type;
	char *path; /* as it stands there: neither absolute nor not */
	char *link; /* of links; else NULL */
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	int64_t size; /* of TAR_FILE */
	int64_t stored; /* of these, what tar_read() gives: all, but of a sparse file */
	bool sparse;
	struct tar_map map;
	struct timespec mtime;
	unsigned major, minor; /* of devices */
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t xattr_count;
};

struct tar;

/* Owns `from`, also on failure. */
enum err tar_open(struct stream *from, struct tar **out, struct errmsg *em) MUST_USE;
void tar_free(struct tar *tar);
AUTO_DEFINE(tar)

/* The next entry, the reader's until the call after; NULL at the end of the archive. What is left of the entry before
 * is passed over. Nothing is read ahead: what `from` gives next are the entry's contents, the first of `stored` bytes.
 * ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED, and what `from` gives. */
enum err tar_next(struct tar *tar, const struct tar_entry **out, struct errmsg *em) MUST_USE;
/* A file's contents, a sparse file's without its holes: *got = 0 at their end. */
enum err tar_read(struct tar *tar, struct stream_window to, size_t *got, struct errmsg *em) MUST_USE;
/* Reads `from` to its end, so that whatever verifies it does: bytes behind the archive do not matter to it otherwise.
 */
enum err tar_finish(struct tar *tar, struct errmsg *em) MUST_USE;
