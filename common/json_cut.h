#pragma once
#include "common/bytes.h"

/* Long lists are taken out of a JSON text before it is parsed, so that who needs none of them pays for none, and who
 * does can read them without a tree of json-c's: a hundred times faster. */

struct json_cut {
	struct bytes array; /* the text of one list, with its brackets; its grammar is not checked */
	long outer; /* where it stood: the element of the outer list, or -1 */
};

struct json_cuts {
	struct json_cut *items;
	size_t count;
	struct buf rest; /* the text with "[]" in place of each */
};

/* Who wants a list read on the way, instead of a second time: takes the array at text.data[*at], whose comments are
 * still there, and moves *at behind it. False: it is left as it is, to be skipped by brackets. */
struct json_cut_reader {
	bool (*take)(void *ctx, struct bytes text, size_t *at, long outer);
	void *ctx;
};

struct json_cut_names {
	const char *list; /* a member of the outermost object, and of the objects in ... */
	const char *outer; /* ... this list of the outermost object; or NULL */
	const struct json_cut_reader *reader; /* or NULL */
};

/* Blanks the comments of `text` in place and fills `out`, which borrows from it; clear that whatever comes back. A text
 * that is no object, or broken, is not cut: its reader will say what is wrong. ERR_NOMEM. */
enum err json_cut(struct buf *text, struct json_cut_names names, struct json_cuts *out, struct errmsg *em) MUST_USE;
void json_cuts_clear(struct json_cuts *cuts);

/* Moves *at, where a value begins, behind it, and comments on the way; by brackets and quotes alone, without a check of
 * the grammar. False: it does not end. */
bool json_skip_value(struct bytes text, size_t *at);
