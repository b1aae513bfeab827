#pragma once
#include "image/file_part.h"

/* The files in a tar archive on disk, by their names, read where they lie: nothing is unpacked. Archives are hostile:
 * what they say about lengths is compared with the file's own, and how many names are kept is bounded. */
struct archive;

/* A regular file; what is compressed as a whole is ERR_UNSUPPORTED. Reads the headers of all entries. */
enum err archive_open(const char *path, struct archive **out, struct errmsg *em) MUST_USE;
void archive_free(struct archive *a);
AUTO_DEFINE(archive)

enum archive_links {
	ARCHIVE_NO_LINKS,
	ARCHIVE_ONE_LINK, /* a link may stand under the name, and a file under the link's: names alone, no path */
};
/* Where a file's contents are. ERR_NOT_FOUND; ERR_PARSE: the name stands there twice, for which readers differ, or for
 * what is no file. */
enum err archive_find(const struct archive *a, const char *name, enum archive_links links, struct file_part *out,
		      struct errmsg *em) MUST_USE;
/* A whole file of at most `max` bytes, appended to `out`. */
enum err archive_read(const struct archive *a, const struct file_part *file, size_t max, struct buf *out,
		      struct errmsg *em) MUST_USE;
/* Several at a time, in several threads; each outlives the archive. */
enum err archive_stream(const struct archive *a, const struct file_part *file, struct stream **out,
			struct errmsg *em) MUST_USE;
