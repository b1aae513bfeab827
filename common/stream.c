#include "common/stream.h"

#include <errno.h>

struct stream {
	const struct stream_ops *ops;
	void *ctx;
	enum err failed; /* sticky: what a failed stream still holds is worth nothing */
	bool ended;
	const char *(*tell)(void *ctx);
};

void stream_tells_digest(struct stream *s, const char *(*tell)(void *ctx))
{
	s->tell = tell;
}

bool stream_knows_digest(const struct stream *s)
{
	return s->tell != NULL;
}

const char *stream_digest(const struct stream *s)
{
	return s->tell && s->ended ? s->tell(s->ctx) : NULL;
}

enum err stream_new(const struct stream_ops *ops, void *ctx, struct stream **out, struct errmsg *em)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s) {
		ops->free(ctx);
		return err_nomem(em, "a stream");
	}
	*s = (struct stream){ .ops = ops, .ctx = ctx };
	*out = s;
	return OK;
}

enum err stream_read(struct stream *s, struct stream_window to, size_t *got, struct errmsg *em)
{
	*got = 0;
	if (s->failed != OK)
		return err_set(em, s->failed, "the stream failed before");
	if (to.len == 0)
		return err_set(em, ERR_ARG, "a stream is read into no room"); /* 0 bytes would look like the end */
	if (s->ended)
		return OK;
	size_t n = 0;
	enum err e = s->ops->read(s->ctx, to, &n, em);
	if (e == OK && n > to.len)
		e = err_set(em, ERR_INTERNAL, "a stream gave %zu bytes where %zu fit", n, to.len);
	if (e != OK) {
		s->failed = e;
		return e;
	}
	s->ended = n == 0;
	*got = n;
	return OK;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	s->ops->free(s->ctx);
	free(s);
}

struct fd_source {
	int fd;
};

static enum err fd_source_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	const struct fd_source *source = ctx;
	ssize_t n;
	do
		n = read(source->fd, to.data, to.len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(em, ERR_IO, "cannot read");
	*got = (size_t)n;
	return OK;
}

static void fd_source_free(void *ctx)
{
	struct fd_source *source = ctx;
	close(source->fd);
	free(source);
}

enum err stream_from_fd(int fd, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { fd_source_read, fd_source_free };
	struct fd_source *source = malloc(sizeof(*source));
	if (!source) {
		close(fd);
		return err_nomem(em, "a stream");
	}
	source->fd = fd;
	return stream_new(&ops, source, out, em);
}

static enum err bytes_source_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct bytes *left = ctx;
	(void)em;
	size_t n = left->len < to.len ? left->len : to.len;
	*got = n;
	if (n == 0)
		return OK;
	memcpy(to.data, left->data, n);
	left->data += n;
	left->len -= n;
	return OK;
}

enum err stream_from_bytes(struct bytes contents, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { bytes_source_read, free };
	struct bytes *left = malloc(sizeof(*left));
	if (!left)
		return err_nomem(em, "a stream");
	*left = contents;
	return stream_new(&ops, left, out, em);
}
