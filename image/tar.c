#include "image/tar.h"

#include "image/tar_header.h"

struct tar {
	struct stream *from;
	struct tar_entry entry;
	int64_t left; /* of the entry's contents... */
	size_t padding; /* ...and of what fills its last block */
	bool ended;
	bool due; /* an extended header wants its entry */
	struct tar_extended global, extended;
};

static enum err read_whole(struct tar *t, uint8_t *to, size_t len, struct errmsg *em)
{
	for (size_t at = 0; at < len;) {
		size_t got = 0;
		enum err e = stream_read(t->from, (struct stream_window){ to + at, len - at }, &got, em);
		if (e != OK)
			return e;
		if (got == 0)
			return err_set(em, ERR_PARSE, "the archive is cut short");
		at += got;
	}
	return OK;
}

static enum err pass_over(struct tar *t, uint64_t len, struct errmsg *em)
{
	uint8_t sink[16384] = { 0 };
	while (len > 0) {
		size_t some = len < sizeof sink ? (size_t)len : sizeof sink;
		enum err e = read_whole(t, sink, some, em);
		if (e != OK)
			return e;
		len -= some;
	}
	return OK;
}

static size_t padding_of(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}

/* The contents of a header of headers. */
static enum err contents_take(struct tar *t, const struct tar_header *h, struct buf *to, struct errmsg *em)
{
	buf_clear(to);
	if (h->size > TAR_PAX_MAX)
		return err_set(em, ERR_LIMIT, "an extended header of more than %d bytes", TAR_PAX_MAX);
	enum err e = buf_reserve(to, (size_t)h->size + 1, em);
	if (e == OK)
		e = read_whole(t, to->data, (size_t)h->size, em);
	if (e != OK)
		return e;
	to->len = (size_t)h->size;
	to->data[to->len] = '\0';
	return pass_over(t, padding_of((uint64_t)h->size), em);
}

static enum err extended_take(struct tar *t, const struct tar_header *h, struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err e = contents_take(t, h, &text, em);
	if (e != OK)
		return e;
	if (h->flag == 'g')
		return tar_global_read(&t->global, buf_bytes(&text), em);
	t->due = true;
	switch (h->flag) {
	case 'x':
		return tar_extended_read(&t->extended, buf_bytes(&text), em);
	case 'L':
		return tar_extended_set(&t->extended, TAR_PATH, buf_bytes(&text), em);
	default:
		return tar_extended_set(&t->extended, TAR_LINK, buf_bytes(&text), em);
	}
}

/* *end: two blocks of zeros, or nothing behind the last entry. One block of zeros is tolerated as other readers do. */
static enum err block_take(struct tar *t, uint8_t block[TAR_BLOCK], bool *end, struct errmsg *em)
{
	size_t got = 0;
	*end = false;
	enum err e = stream_read(t->from, (struct stream_window){ block, TAR_BLOCK }, &got, em);
	if (e == OK && got == 0)
		*end = true;
	if (e != OK || *end)
		return e;
	e = read_whole(t, block + got, TAR_BLOCK - got, em);
	if (e == OK)
		*end = tar_header_is_zero(block);
	return e;
}

/* GNU's own sparse file: more blocks of its map may follow the header. */
static enum err map_take(struct tar *t, const uint8_t *header, struct errmsg *em)
{
	uint8_t block[TAR_BLOCK];
	bool more = false;
	enum err e = tar_sparse_header(&t->extended.sparse, header, &more, em);
	while (e == OK && more) {
		e = read_whole(t, block, sizeof block, em);
		if (e == OK)
			e = tar_sparse_more(&t->extended.sparse, block, &more, em);
	}
	return e;
}

/* PAX 1.0: what is stored of the entry begins with the map. */
static enum err map_read(struct tar *t, struct errmsg *em)
{
	uint8_t block[TAR_BLOCK];
	struct tar_map_text text = { .map = &t->entry.map };
	enum err e = OK;
	for (bool done = false; e == OK && !done;) {
		if (t->entry.stored < TAR_BLOCK)
			return err_set(em, ERR_PARSE, "the map of a sparse file is cut short");
		e = read_whole(t, block, sizeof block, em);
		if (e == OK)
			e = tar_map_text_take(&text, block, &done, em);
		t->entry.stored -= TAR_BLOCK;
	}
	return e;
}

static enum err map_finish(struct tar *t, bool follows, struct errmsg *em)
{
	enum err e = follows ? map_read(t, em) : OK;
	if (e == OK)
		e = tar_map_check(&t->entry.map, t->entry.size, t->entry.stored, em);
	return e == OK ? OK : err_wrap(em, e, "%.200s", t->entry.path);
}

static enum err entry_make(struct tar *t, const struct tar_header *h, const uint8_t *block, struct errmsg *em)
{
	enum err e = h->flag == 'S' ? map_take(t, block, em) : OK;
	if (e != OK)
		return err_wrap(em, e, "%.200s", h->path);
	bool follows = tar_sparse_is_before_contents(&t->extended.sparse);
	e = tar_entry_make(h, &t->global, &t->extended, &t->entry, em);
	tar_extended_clear(&t->extended);
	t->due = false;
	if (e == OK && t->entry.sparse)
		e = map_finish(t, follows, em);
	if (e != OK)
		return e;
	t->left = t->entry.stored;
	t->padding = padding_of((uint64_t)t->entry.stored);
	return OK;
}

enum err tar_next(struct tar *t, const struct tar_entry **out, struct errmsg *em)
{
	uint8_t block[TAR_BLOCK];
	struct tar_header h;
	bool end = t->ended;
	*out = NULL;
	enum err e = pass_over(t, (uint64_t)t->left + t->padding, em);
	t->left = 0;
	t->padding = 0;
	while (e == OK && !end) {
		e = block_take(t, block, &end, em);
		if (e == OK && end && t->due)
			e = err_set(em, ERR_PARSE, "an extended header without its entry");
		if (e != OK || end)
			break;
		e = tar_header_read(block, &h, em);
		if (e == OK && strchr("xgLK", h.flag)) {
			e = extended_take(t, &h, em);
			continue;
		}
		if (e == OK)
			e = entry_make(t, &h, block, em);
		if (e == OK)
			*out = &t->entry;
		break;
	}
	t->ended = t->ended || end;
	return e;
}

enum err tar_read(struct tar *t, struct stream_window to, size_t *got, struct errmsg *em)
{
	*got = 0;
	if (t->left == 0)
		return OK;
	if ((uint64_t)to.len > (uint64_t)t->left)
		to.len = (size_t)t->left;
	enum err e = stream_read(t->from, to, got, em);
	if (e == OK && *got == 0)
		return err_set(em, ERR_PARSE, "the archive is cut short");
	t->left -= (int64_t)*got;
	return e;
}

enum err tar_finish(struct tar *t, struct errmsg *em)
{
	uint8_t sink[16384] = { 0 };
	enum err e = OK;
	for (size_t got = 1; e == OK && got > 0;)
		e = stream_read(t->from, (struct stream_window){ sink, sizeof sink }, &got, em);
	return e;
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	stream_free(t->from);
	tar_entry_clear(&t->entry);
	tar_extended_clear(&t->global);
	tar_extended_clear(&t->extended);
	free(t);
}

enum err tar_open(struct stream *from, struct tar **out, struct errmsg *em)
{
	struct tar *t = calloc(1, sizeof *t);
	if (!t) {
		stream_free(from);
		return err_nomem(em, "an archive");
	}
	t->from = from;
	*out = t;
	return OK;
}
