#include "image/gunzip.h"

#define INPUT_SIZE ((size_t)64 << 10)

struct gunzip {
	struct stream *from;
	const struct inflater *inflater;
	void *state;
	struct bytes left; /* of the input */
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
	g->left = (struct bytes){ g->input, got };
	return OK;
}

static enum err refused(enum inflate_result result, struct errmsg *em)
{
	if (result == INFLATE_NOMEM)
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	return err_set(em, ERR_PARSE, "not a gzip stream");
}

static enum err member_begin(struct gunzip *g, struct errmsg *em)
{
	enum inflate_result result = g->inflater->begin(g->state);
	g->between = false;
	return result == INFLATE_MORE ? OK : refused(result, em);
}

/* One run. *at_end: between members, and nothing follows. */
static enum err step(struct gunzip *g, struct stream_window *to, bool *at_end, struct errmsg *em)
{
	enum err e = g->left.len == 0 && !g->from_ended ? input_fill(g, em) : OK;
	if (e != OK)
		return e;
	*at_end = g->between && g->left.len == 0 && g->from_ended;
	if (*at_end)
		return OK;
	if (g->between)
		e = member_begin(g, em);
	if (e != OK)
		return e;
	struct inflate_io io = { g->left.data, g->left.len, to->data, to->len };
	enum inflate_result result = g->inflater->run(g->state, &io);
	if (result == INFLATE_BROKEN || result == INFLATE_NOMEM)
		return refused(result, em);
	g->between = result == INFLATE_MEMBER_END;
	bool moved = io.in_len < g->left.len || io.out_len < to->len || g->between;
	g->left = (struct bytes){ io.in, io.in_len };
	*to = (struct stream_window){ io.out, io.out_len };
	if (moved)
		return OK;
	return g->from_ended ? err_set(em, ERR_PARSE, "the gzip stream is cut short") : refused(INFLATE_BROKEN, em);
}

static enum err gunzip_read(void *ctx, struct stream_window to, size_t *got, struct errmsg *em)
{
	struct gunzip *g = ctx;
	struct stream_window room = to;
	bool at_end = false;
	while (room.len == to.len && !at_end) {
		enum err e = step(g, &room, &at_end, em);
		if (e != OK)
			return e;
	}
	*got = to.len - room.len;
	return OK;
}

static void gunzip_free(void *ctx)
{
	struct gunzip *g = ctx;
	g->inflater->free(g->state);
	stream_free(g->from);
	free(g);
}

enum err gunzip_stream_by(const struct inflater *inflater, struct stream *from, struct stream **out, struct errmsg *em)
{
	static const struct stream_ops ops = { gunzip_read, gunzip_free };
	struct gunzip *g = calloc(1, sizeof(*g));
	void *state = g ? inflater->new () : NULL;
	if (!state) {
		free(g);
		stream_free(from);
		return err_set(em, ERR_NOMEM, "no memory to unpack");
	}
	g->from = from;
	g->inflater = inflater;
	g->state = state;
	enum err e = member_begin(g, em);
	if (e == OK)
		return stream_new(&ops, g, out, em);
	gunzip_free(g);
	return e;
}

enum err gunzip_stream(struct stream *from, struct stream **out, struct errmsg *em)
{
	return gunzip_stream_by(inflater_best(), from, out, em);
}
