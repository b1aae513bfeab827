#pragma once
#include "common/bytes.h"

/* Letters and strings of TOML. Private to toml.c. */
struct toml_lex {
	const uint8_t *at;
	const uint8_t *end;
	size_t line;
};

enum err toml_fault(const struct toml_lex *l, struct errmsg *em, const char *what);

bool toml_next_is(const struct toml_lex *l, char c);
bool toml_take(struct toml_lex *l, const char *word);
void toml_skip_blanks(struct toml_lex *l); /* within a line */
/* Blanks, comments, and the ends of lines: at least one where the text goes on and `must` says so. */
enum err toml_line_end(struct toml_lex *l, struct errmsg *em) MUST_USE;
enum err toml_skip_lines(struct toml_lex *l, struct errmsg *em) MUST_USE;

/* Any of the four kinds; the multi-line ones where `lines`. NUL-terminated in place, without a NUL in it. */
enum err toml_string(struct toml_lex *l, bool lines, struct buf *out, struct errmsg *em) MUST_USE;
/* A bare or quoted key. */
enum err toml_key(struct toml_lex *l, struct buf *out, struct errmsg *em) MUST_USE;
