#include "image/gunzip.h"

#include <limits.h>
#include <zlib.h>

#define INPUT_SIZE ((size_t)64 << 10)

struct gunzip {
	struct stream *from;
	z_stream z;
	bool from_ended;
	bool between; /* members: here the stream may end */
	uint8_t input[INPUT_SIZE];
};

static enum err input_fill(struct gunzip *g, struct errmsg *em)
{
	size_t got = 0;
	enum err e = stream_read(g->from, (struct stream_window){ g->input, sizeof(g->input) }, &got, em);
	if (e != OK)
		return e;
	g->from_ended = got == 0;
	g->z.next_in = g->input;
	g->z.avail_in = (uInt)got;
	return OK;
}

/* One step of inflate(). *at_end: between members, and nothing follows. */
static enum err step(struct gunzip *g, bool *at_end, struct errmsg *em)
{
	enum err e = g->z.avail_in == 0 && !g->from_ended ? input_fill(g, em) : OK;
	if (e != OK)
		return e;
	*at_end = g->between && g->z.avail_in == 0 && g->from_ended;
	if (*at_end)
		return OK;
	if (g->between && inflateReset(&g->z) != Z_OK)
		return err_set(em, ERR_INTERNAL, "zlib");
	g->between = false;
	if (g->z.avail_in == 0 && g->from_ended)
		return err_set(em, ERR_PARSE, "the gzip stream is cut short");
	int result = inflate(&g->z, Z_NO_FLUSH);
	if (result == Z_STREAM_END)
		g->between = true;
	if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
		return OK;
	return err_set(em, result == Z_MEM_ERROR ? ERR_NOMEM : ERR_PARSE, "not a gzip stream");
}

static enum err gunzip_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct gunzip *g = ctx;
	size_t room = to.len < UINT_MAX ? to.len : UINT_MAX;
	bool at_end = false;
	g->z.next_out = to.data;
	g->z.avail_out = (uInt)room;
	while (g->z.avail_out == room && !at_end) {
		enum err e = step(g, &at_end, em);
		if (e != OK)
			return e;
	}
	*got = room - g->z.avail_out;
	return OK;
}

static void gunzip_free(void *ctx)
{
	struct gunzip *g = ctx;
	inflateEnd(&g->z);
	stream_free(g->from);
	free(g);
}

enum err gunzip_stream(struct stream *from, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { gunzip_read, gunzip_free };
	struct gunzip *g = calloc(1, sizeof(*g));
	/* 16: gzip, and not zlib or raw deflate */
	if (!g || inflateInit2(&g->z, 16 + MAX_WBITS) != Z_OK) {
		free(g);
		stream_free(from);
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	}
	g->from = from;
	return stream_new(&ops, g, out, em);
}
