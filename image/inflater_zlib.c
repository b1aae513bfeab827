#include "image/inflater.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

static void *zlib_new(void)
{
	z_stream *z = calloc(1, sizeof *z);
	/* 16: gzip, and not zlib or raw deflate */
	if (z && inflateInit2(z, 16 + MAX_WBITS) == Z_OK)
		return z;
	free(z);
	return NULL;
}

static enum inflate_result zlib_begin(void *state)
{
	return inflateReset(state) == Z_OK ? INFLATE_MORE : INFLATE_BROKEN;
}

static uInt at_most(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static enum inflate_result zlib_run(void *state, struct inflate_io *io)
{
	z_stream *z = state;
	uInt in = at_most(io->in_len);
	uInt out = at_most(io->out_len);
	z->next_in = (Bytef *)(uintptr_t)io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	int result = inflate(z, Z_NO_FLUSH);
	*io = (struct inflate_io){ z->next_in, io->in_len - (in - z->avail_in), z->next_out,
				   io->out_len - (out - z->avail_out) };
	switch (result) {
	case Z_STREAM_END:
		return INFLATE_MEMBER_END;
	case Z_OK:
	case Z_BUF_ERROR:
		return INFLATE_MORE;
	case Z_MEM_ERROR:
		return INFLATE_NOMEM;
	default:
		return INFLATE_BROKEN;
	}
}

static void zlib_free(void *state)
{
	inflateEnd(state);
	free(state);
}

const struct inflater inflater_zlib = { "zlib", zlib_new, zlib_begin, zlib_run, zlib_free };
