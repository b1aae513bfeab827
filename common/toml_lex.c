#include "common/toml_lex.h"

#include "common/utf8.h"

enum err toml_fault(const struct toml_lex *l, struct errmsg *em, const char *what)
{
	return err_set(em, ERR_PARSE, "TOML, line %zu: %s", l->line, what);
}

bool toml_next_is(const struct toml_lex *l, char c)
{
	return l->at < l->end && *l->at == (uint8_t)c;
}

bool toml_take(struct toml_lex *l, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(l->end - l->at) < n || memcmp(l->at, word, n) != 0)
		return false;
	l->at += n;
	return true;
}

void toml_skip_blanks(struct toml_lex *l)
{
	while (toml_next_is(l, ' ') || toml_next_is(l, '\t'))
		l->at++;
}

/* TOML 1.0, "Comment", "String": of the control characters only the tab. */
static bool control(uint8_t c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

static bool newline_take(struct toml_lex *l)
{
	if (!toml_take(l, "\n") && !toml_take(l, "\r\n"))
		return false;
	l->line++;
	return true;
}

static enum err comment_skip(struct toml_lex *l, struct errmsg *em)
{
	if (!toml_take(l, "#"))
		return OK;
	while (l->at < l->end && *l->at != '\n' && !(*l->at == '\r' && l->end - l->at > 1 && l->at[1] == '\n')) {
		if (control(*l->at))
			return toml_fault(l, em, "a control character in a comment");
		l->at++;
	}
	return OK;
}

enum err toml_line_end(struct toml_lex *l, struct errmsg *em)
{
	toml_skip_blanks(l);
	enum err e = comment_skip(l, em);
	if (e != OK || l->at == l->end || newline_take(l))
		return e;
	return toml_fault(l, em, "the end of the line is wanted");
}

enum err toml_skip_lines(struct toml_lex *l, struct errmsg *em)
{
	for (;;) {
		toml_skip_blanks(l);
		enum err e = comment_skip(l, em);
		if (e != OK || !newline_take(l))
			return e;
	}
}

static enum err append(struct buf *to, struct bytes more, struct errmsg *em)
{
	return buf_append(to, more, 0, em);
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX, \UXXXXXXXX: a scalar value of Unicode, and no NUL. */
static enum err unicode(struct toml_lex *l, int digits, struct buf *out, struct errmsg *em)
{
	uint32_t code = 0;
	for (int i = 0; i < digits; i++) {
		int value = l->at < l->end ? hex_value(*l->at++) : -1;
		if (value < 0)
			return toml_fault(l, em, "an escape lacks digits");
		code = code << 4 | (uint32_t)value;
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return toml_fault(l, em, "an escape names no character");
	uint8_t utf8[4] = { 0 };
	size_t len = utf8_put(code, utf8);
	return append(out, (struct bytes){ utf8, len }, em);
}

/* A backslash at the end of a line takes all white space that follows. */
static bool line_continued(struct toml_lex *l)
{
	struct toml_lex ahead = *l;
	toml_skip_blanks(&ahead);
	if (!newline_take(&ahead))
		return false;
	do
		toml_skip_blanks(&ahead);
	while (newline_take(&ahead));
	*l = ahead;
	return true;
}

static enum err escape(struct toml_lex *l, bool lines, struct buf *out, struct errmsg *em)
{
	static const char names[] = "btnfr\"\\";
	static const char values[] = "\b\t\n\f\r\"\\";
	if (lines && line_continued(l))
		return OK;
	uint8_t c = l->at < l->end ? *l->at++ : 0;
	if (c == 'u' || c == 'U')
		return unicode(l, c == 'u' ? 4 : 8, out, em);
	const char *found = c ? strchr(names, c) : NULL;
	return found ? append(out, (struct bytes){ (const uint8_t *)values + (found - names), 1 }, em)
		     : toml_fault(l, em, "no such escape");
}

struct string_kind {
	char quote;
	bool lines;
};

/* Three quotes end it; one or two more before them belong to it. */
static bool string_ends(struct toml_lex *l, struct string_kind kind, struct buf *out, enum err *e, struct errmsg *em)
{
	const uint8_t quote = (uint8_t)kind.quote;
	size_t n = 0;
	while (n < 5 && (size_t)(l->end - l->at) > n && l->at[n] == quote)
		n++;
	if (n < (kind.lines ? 3U : 1U))
		return false;
	if (kind.lines) {
		*e = append(out, (struct bytes){ l->at, n - 3 }, em);
		l->at += n;
	} else {
		l->at++;
	}
	return true;
}

static enum err letter(struct toml_lex *l, struct string_kind kind, struct buf *out, struct errmsg *em)
{
	if (kind.quote == '"' && toml_take(l, "\\"))
		return escape(l, kind.lines, out, em);
	if (kind.lines && newline_take(l))
		return append(out, bytes_str("\n"), em);
	if (control(*l->at))
		return toml_fault(l, em, "a control character in a string");
	return append(out, (struct bytes){ l->at++, 1 }, em);
}

enum err toml_string(struct toml_lex *l, bool lines, struct buf *out, struct errmsg *em)
{
	struct string_kind kind = { toml_next_is(l, '\'') ? '\'' : '"', false };
	buf_clear(out);
	if (lines && (toml_take(l, "\"\"\"") || toml_take(l, "'''"))) {
		kind.lines = true;
		(void)newline_take(l); /* one right behind the quotes is not part of it */
	} else if (!toml_take(l, "\"") && !toml_take(l, "'")) {
		return toml_fault(l, em, "a string is wanted");
	}
	enum err e = OK;
	while (l->at < l->end && e == OK) {
		if (string_ends(l, kind, out, &e, em))
			return e == OK && !buf_cstr(out) ? err_nomem(em, "TOML") : e;
		e = letter(l, kind, out, em);
	}
	return e == OK ? toml_fault(l, em, "a string does not end") : e;
}

static bool bare(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

enum err toml_key(struct toml_lex *l, struct buf *out, struct errmsg *em)
{
	if (toml_next_is(l, '"') || toml_next_is(l, '\''))
		return toml_string(l, false, out, em);
	const uint8_t *from = l->at;
	while (l->at < l->end && bare(*l->at))
		l->at++;
	buf_clear(out);
	if (l->at == from)
		return toml_fault(l, em, "a key is wanted");
	enum err e = append(out, (struct bytes){ from, (size_t)(l->at - from) }, em);
	return e == OK && !buf_cstr(out) ? err_nomem(em, "TOML") : e;
}
