#pragma once
#include "common/bytes.h"

/* RFC 8259, strictly: under json.h, json_scan.h and the token's reader of catalogs, and private to them. Nothing is
 * copied: what is read may be a secret, and errors name positions only. */

/* The whole of `text` is one JSON value: valid UTF-8, no lone surrogates, no duplicate members (compared
 * unescaped), no NUL in a member's name, at most `depth` arrays and objects inside each other. ERR_PARSE. */
enum err json_grammar_check(struct bytes text, unsigned depth, struct errmsg *em) MUST_USE;

/* How many of the first bytes stand for themselves in a string, as far as that takes no look at more than eight of them
 * at a time: all of ASCII but quote, backslash and control characters. Where the time goes in long texts. */
size_t json_plain_run(struct bytes text);

/* The rest takes only what json_grammar_check() has passed. */

/* Calls `each` with the name (without quotes, still escaped) and the raw value of each member. False: no object. */
bool json_grammar_members(struct bytes text, void (*each)(void *ctx, struct bytes name, struct bytes value), void *ctx);
/* What is between the quotes. False: no string. */
bool json_grammar_string(struct bytes text, struct bytes *inside);
/* The character at inside.data[*at], unescaped; moves *at behind it. *at < inside.len. */
uint32_t json_grammar_char(struct bytes inside, size_t *at);
