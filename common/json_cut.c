#include "common/json_cut.h"

#include <stdlib.h>
#include <string.h>

enum { CUTS_MAX = 1024 };

struct walk {
	uint8_t *at, *end;
	struct json_cut_names names;
	struct json_cuts *out;
	enum err e; /* no memory */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Behind the string that begins at `at`; NULL: it does not end. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
	for (const uint8_t *from = at + 1; from < end;) {
		const uint8_t *quote = memchr(from, '"', (size_t)(end - from));
		if (!quote)
			return NULL;
		const uint8_t *slash = quote;
		while (slash > at + 1 && slash[-1] == '\\')
			slash--;
		if ((quote - slash) % 2 == 0)
			return quote + 1;
		from = quote + 1;
	}
	return NULL;
}

/* Behind the comment that begins at `at`; NULL: it is none, or does not end. */
static const uint8_t *comment_end(const uint8_t *at, const uint8_t *end)
{
	if (end - at < 2 || (at[1] != '/' && at[1] != '*'))
		return NULL;
	if (at[1] == '/') {
		const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
		return line ? line : end;
	}
	const uint8_t *close = memmem(at + 2, (size_t)(end - at) - 2, "*/", 2);
	return close ? close + 2 : NULL;
}

static void blank(uint8_t *from, const uint8_t *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

/* What a byte outside of strings is. */
enum mark { WORD, DULL, OPEN, CLOSE, QUOTE, SLASH };
static const uint8_t marks[256] = {
	[' '] = DULL, ['\n'] = DULL, ['\t'] = DULL, ['\r'] = DULL, [','] = DULL,  [':'] = DULL,
	['['] = OPEN, ['{'] = OPEN,  [']'] = CLOSE, ['}'] = CLOSE, ['"'] = QUOTE, ['/'] = SLASH,
};

/* Behind a comment, a string, a number or a word, or one bracket; NULL: it does not end. */
static const uint8_t *piece_end(const uint8_t *at, const uint8_t *end)
{
	switch (marks[*at]) {
	case QUOTE:
		return string_end(at, end);
	case SLASH:
		return comment_end(at, end);
	case WORD:
		while (at < end && marks[*at] == WORD)
			at++;
		return at;
	default:
		return at + 1;
	}
}

/* NULL: it does not end. With `writable`, comments become blanks. */
static const uint8_t *value_end(const uint8_t *at, const uint8_t *end, bool writable)
{
	size_t depth = 0;
	while (at < end) {
		enum mark mark = marks[*at];
		if (mark == DULL && depth) {
			at++;
			continue;
		}
		if (mark == CLOSE && depth == 0)
			return NULL;
		depth += mark == OPEN;
		depth -= mark == CLOSE;
		const uint8_t *next = piece_end(at, end);
		if (!next)
			return NULL;
		if (mark == SLASH && writable)
			blank((uint8_t *)(uintptr_t)at, next);
		at = next;
		if (depth == 0 && mark != SLASH && mark != DULL)
			return at;
	}
	return NULL;
}

bool json_skip_value(struct bytes text, size_t *at)
{
	const uint8_t *end = *at < text.len ? value_end(text.data + *at, text.data + text.len, false) : NULL;
	if (!end)
		return false;
	*at = (size_t)(end - text.data);
	return true;
}

static bool skip_blanks(struct walk *w)
{
	while (w->at < w->end && (is_blank(*w->at) || *w->at == '/')) {
		if (*w->at != '/') {
			w->at++;
			continue;
		}
		const uint8_t *behind = comment_end(w->at, w->end);
		if (!behind)
			return false;
		blank(w->at, behind);
		w->at += behind - w->at;
	}
	return w->at < w->end;
}

static bool skip_value(struct walk *w)
{
	const uint8_t *behind = value_end(w->at, w->end, true);
	if (!behind)
		return false;
	w->at += behind - w->at;
	return true;
}

static bool take(struct walk *w, char c)
{
	if (!skip_blanks(w) || *w->at != (uint8_t)c)
		return false;
	w->at++;
	return true;
}

static bool keep(struct walk *w, struct bytes array, long outer)
{
	struct json_cuts *out = w->out;
	if (out->count >= CUTS_MAX)
		return false;
	struct json_cut *more = reallocarray(out->items, out->count + 1, sizeof(*more));
	if (!more) {
		w->e = ERR_NOMEM;
		return false;
	}
	out->items = more;
	out->items[out->count++] = (struct json_cut){ array, outer };
	return true;
}

static bool cut_object(struct walk *w, long outer);

/* The elements of the outer list; w->at is its bracket. */
static bool cut_list(struct walk *w)
{
	w->at++;
	for (long i = 0;; i++) {
		if (!skip_blanks(w))
			return false;
		if (*w->at == ']')
			break;
		if (*w->at == '{' ? !cut_object(w, i) : !skip_value(w))
			return false;
		if (!skip_blanks(w))
			return false;
		if (*w->at == ']')
			break;
		if (!take(w, ','))
			return false;
	}
	w->at++;
	return true;
}

static bool is_named(struct bytes name, const char *wanted)
{
	return wanted && name.len == strlen(wanted) && memcmp(name.data, wanted, name.len) == 0;
}

static bool read_list(struct walk *w, long outer)
{
	const struct json_cut_reader *reader = w->names.reader;
	size_t at = 0;
	if (!reader || !reader->take(reader->ctx, (struct bytes){ w->at, (size_t)(w->end - w->at) }, &at, outer))
		return false;
	w->at += at;
	return true;
}

static bool cut_member(struct walk *w, long outer)
{
	if (!skip_blanks(w) || *w->at != '"')
		return false;
	const uint8_t *behind = string_end(w->at, w->end);
	if (!behind)
		return false;
	struct bytes name = { w->at + 1, (size_t)(behind - w->at) - 2 };
	w->at += behind - w->at;
	if (!take(w, ':') || !skip_blanks(w))
		return false;
	const uint8_t *begin = w->at;
	if (*begin == '[' && outer < 0 && is_named(name, w->names.outer))
		return cut_list(w);
	bool list = *begin == '[' && is_named(name, w->names.list);
	if (!(list && read_list(w, outer)) && !skip_value(w))
		return false;
	return !list || keep(w, (struct bytes){ begin, (size_t)(w->at - begin) }, outer);
}

static bool cut_object(struct walk *w, long outer)
{
	if (!take(w, '{') || !skip_blanks(w))
		return false;
	if (take(w, '}'))
		return true;
	do
		if (!cut_member(w, outer))
			return false;
	while (take(w, ','));
	return take(w, '}');
}

static enum err put_rest(struct bytes text, struct json_cuts *out, struct errmsg *em)
{
	const uint8_t *from = text.data;
	enum err e = OK;
	for (size_t i = 0; e == OK && i < out->count; i++) {
		struct bytes array = out->items[i].array;
		e = buf_append(&out->rest, (struct bytes){ from, (size_t)(array.data - from) }, 0, em);
		if (e == OK)
			e = buf_append(&out->rest, bytes_str("[]"), 0, em);
		from = array.data + array.len;
	}
	if (e != OK)
		return e;
	return buf_append(&out->rest, (struct bytes){ from, (size_t)(text.data + text.len - from) }, 0, em);
}

enum err json_cut(struct buf *text, struct json_cut_names names, struct json_cuts *out, struct errmsg *em)
{
	*out = (struct json_cuts){ .items = NULL };
	if (!text->len)
		return OK;
	struct walk w = { text->data, text->data + text->len, names, out, OK };
	bool good = cut_object(&w, -1);
	if (w.e != OK)
		return err_set(em, w.e, "no memory for lists");
	if (!good)
		out->count = 0;
	return put_rest(buf_bytes(text), out, em);
}

void json_cuts_clear(struct json_cuts *cuts)
{
	free(cuts->items);
	buf_clear(&cuts->rest);
	*cuts = (struct json_cuts){ .items = NULL };
}
