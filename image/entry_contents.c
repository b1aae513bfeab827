#include "image/entry_contents.h"

#include <errno.h>
#include <unistd.h>

static enum err write_whole(int fd, struct bytes bytes, struct errmsg *em)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(em, ERR_IO, "writing");
		bytes.data += n;
		bytes.len -= (size_t)n;
	}
	return OK;
}

/* The archive's next `len` bytes, where the file stands. */
static enum err run_write(struct tar *archive, int64_t len, struct stream_window by, int fd, struct errmsg *em)
{
	enum err e = OK;
	while (len > 0 && e == OK) {
		size_t got = 0;
		size_t some = (uint64_t)len < by.len ? (size_t)len : by.len;
		e = tar_read(archive, (struct stream_window){ by.data, some }, &got, em);
		if (e == OK)
			e = write_whole(fd, (struct bytes){ by.data, got }, em);
		len -= (int64_t)got;
	}
	return e;
}

enum err entry_contents_write(const struct tar_entry *entry, struct tar *archive, struct stream_window by, int fd,
			      struct errmsg *em)
{
	if (!entry->sparse)
		return run_write(archive, entry->stored, by, fd, em);
	for (size_t i = 0; i < entry->map.count; i++) {
		const struct tar_segment *s = &entry->map.segments[i];
		if (s->len > 0 && lseek(fd, s->at, SEEK_SET) < 0)
			return err_errno(em, ERR_IO, "writing");
		enum err e = run_write(archive, s->len, by, fd, em);
		if (e != OK)
			return e;
	}
	return ftruncate(fd, entry->size) == 0 ? OK : err_errno(em, ERR_IO, "giving it its size");
}
