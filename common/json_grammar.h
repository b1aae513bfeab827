#pragma once
#include "common/bytes.h"

/* RFC 8259, strictly: under json.h and json_scan.h, and private to them. Nothing is copied: what is read may be
 * a secret, and errors name positions only. */

/* The whole of `text` is one JSON value: valid UTF-8, no lone surrogates, no duplicate members (compared
 * unescaped), no NUL in a member's name, at most `depth` arrays and objects inside each other. ERR_PARSE. */
enum err json_grammar_check(struct bytes text, unsigned depth, struct errmsg *em) MUST_USE;

/* The rest takes only what json_grammar_check() has passed. */

/* Calls `each` with the name (without quotes, still escaped) and the raw value of each member. False: no object. */
bool json_grammar_members(struct bytes text, void (*each)(void *ctx, struct bytes name, struct bytes value), void *ctx);
/* What is between the quotes. False: no string. */
bool json_grammar_string(struct bytes text, struct bytes *inside);
/* The character at inside.data[*at], unescaped; moves *at behind it. *at < inside.len. */
uint32_t json_grammar_char(struct bytes inside, size_t *at);
