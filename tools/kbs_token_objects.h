#pragma once
#include "common/bytes.h"
#include "tools/kbs_token.h"

/* The objects of the token, as applications see them. */
struct token_row {
	CK_SLOT_ID slot;
	char token[65]; /* its label */
	CK_OBJECT_HANDLE handle;
	CK_OBJECT_CLASS class;
	struct buf label;
	struct buf id;
	const char *key_type; /* NULL: no key, or not known before it is fetched */
	char *uri; /* RFC 7512 */
	bool held; /* was fetched in the process of the module, and ... */
	unsigned long seconds_left; /* ... may be used so long */
};

struct token_table {
	struct token_row *rows;
	size_t count;
};

/* Loads the module and reads what it lists, in all its tokens or the one that was asked for. Fetches nothing. Clear the
 * table whatever comes back. */
enum err token_table_read(const struct token_args *args, struct token_table *t, struct errmsg *em) MUST_USE;
void token_table_clear(struct token_table *t);

/* "private-key" and so on. */
const char *token_class_name(CK_OBJECT_CLASS class);
/* The label as text that is safe to print; a long one is cut. */
#define TOKEN_LABEL_SIZE 129
void token_row_label(const struct token_row *row, char text[TOKEN_LABEL_SIZE]);
