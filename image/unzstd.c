#include "image/unzstd.h"

#include <zstd.h>
#include <zstd_errors.h>

enum { INPUT_SIZE = 128 << 10, WINDOW_LOG_MAX = 23 };

struct unzstd {
	struct stream *from;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	bool from_ended;
	bool between; /* frames: here the stream may end */
	uint8_t input[INPUT_SIZE];
};

static enum err input_fill(struct unzstd *u, struct errmsg *em)
{
	size_t got = 0;
	enum err e = stream_read(u->from, (struct stream_window){ u->input, sizeof u->input }, &got, em);
	u->from_ended = e == OK && got == 0;
	u->in = (ZSTD_inBuffer){ u->input, got, 0 };
	return e;
}

static enum err refused(size_t result, struct errmsg *em)
{
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	case ZSTD_error_frameParameter_windowTooLarge:
		return err_set(em, ERR_LIMIT, "the zstd stream wants a window of more than 8 MiB");
	default:
		return err_set(em, ERR_PARSE, "not a zstd stream: %s", ZSTD_getErrorName(result));
	}
}

static enum err unzstd_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct unzstd *u = ctx;
	ZSTD_outBuffer out = { to.data, to.len, 0 };
	*got = 0;
	while (out.pos == 0) {
		if (u->in.pos == u->in.size && !u->from_ended) {
			enum err e = input_fill(u, em);
			if (e != OK)
				return e;
		}
		if (u->from_ended && u->between)
			return OK;
		size_t before = u->in.pos;
		size_t result = ZSTD_decompressStream(u->z, &out, &u->in);
		if (ZSTD_isError(result))
			return refused(result, em);
		u->between = result == 0;
		if (u->from_ended && out.pos == 0 && u->in.pos == before && !u->between)
			return err_set(em, ERR_PARSE, "the zstd stream is cut short");
	}
	*got = out.pos;
	return OK;
}

static void unzstd_free(void *ctx)
{
	struct unzstd *u = ctx;
	ZSTD_freeDStream(u->z);
	stream_free(u->from);
	free(u);
}

enum err unzstd_stream(struct stream *from, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { unzstd_read, unzstd_free };
	struct unzstd *u = calloc(1, sizeof *u);
	if (u)
		u->z = ZSTD_createDStream();
	if (!u || !u->z || ZSTD_isError(ZSTD_DCtx_setParameter(u->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		if (u)
			ZSTD_freeDStream(u->z);
		free(u);
		stream_free(from);
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	}
	u->from = from;
	return stream_new(&ops, u, out, em);
}
