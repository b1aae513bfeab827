#include "image/file_part.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum err file_part_read(int fd, int64_t at, struct stream_window to, size_t *got, struct errmsg *em)
{
	ssize_t n;
	*got = 0;
	do
		n = pread(fd, to.data, to.len, at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(em, ERR_IO, "cannot read");
	*got = (size_t)n;
	return OK;
}

struct reader {
	int fd;
	struct file_part left;
};

static enum err reader_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct reader *r = ctx;
	*got = 0;
	if (r->left.size == 0)
		return OK;
	if ((int64_t)to.len > r->left.size)
		to.len = (size_t)r->left.size;
	enum err e = file_part_read(r->fd, r->left.at, to, got, em);
	if (e == OK && *got == 0)
		return err_set(em, ERR_IO, "the file has become shorter");
	r->left.at += (int64_t)*got;
	r->left.size -= (int64_t)*got;
	return e;
}

static void reader_free(void *ctx)
{
	struct reader *r = ctx;
	close(r->fd);
	free(r);
}

enum err file_part_stream(int fd, struct file_part part, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { reader_read, reader_free };
	struct reader *r = malloc(sizeof(*r));
	if (!r)
		return err_nomem(em, "a stream");
	*r = (struct reader){ fcntl(fd, F_DUPFD_CLOEXEC, 3), part };
	if (r->fd < 0) {
		free(r);
		return err_errno(em, ERR_IO, "opening a file once more");
	}
	return stream_new(&ops, r, out, em);
}
