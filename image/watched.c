#include "image/watched.h"

struct watched {
	struct stream *inner;
	const struct watch *watch;
	struct image_progress progress;
	bool quiet;
};

bool watch_interrupted(const struct watch *w)
{
	return w->interrupted && w->interrupted(w->interrupted_user);
}

void watch_tell(const struct watch *w, const struct image_progress *p)
{
	if (w->progress)
		w->progress(w->progress_user, p);
}

static enum err watched_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct watched *w = ctx;
	if (watch_interrupted(w->watch))
		return err_set(em, ERR_IO, "interrupted");
	enum err e = stream_read(w->inner, to, got, em);
	w->progress.done += *got;
	if (e == OK && *got > 0 && !w->quiet)
		watch_tell(w->watch, &w->progress);
	return e;
}

static void watched_free(void *ctx)
{
	struct watched *w = ctx;
	stream_free(w->inner);
	free(w);
}

enum err watched_stream(struct stream *inner, const struct watch *watch, const struct image_progress *progress,
			struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { watched_read, watched_free };
	struct watched *w = calloc(1, sizeof(*w));
	if (!w) {
		stream_free(inner);
		return err_set(em, ERR_NOMEM, "no memory");
	}
	w->inner = inner;
	w->watch = watch;
	w->quiet = !progress;
	if (progress)
		w->progress = *progress;
	return stream_new(&ops, w, out, em);
}
