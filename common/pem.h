#pragma once
#include "common/secret.h"

/* Textual encodings, RFC 7468, with the headers of RFC 1421 that encrypted keys of old carry. Borrows its input. */

struct pem_block {
	struct bytes label; /* "PRIVATE KEY" */
	struct bytes headers; /* the lines before the blank one; usually empty */
	struct bytes body; /* base64 with its line breaks */
};

/* True if a block begins somewhere in `text`. */
bool pem_present(struct bytes text);

/* Takes the next block off `rest`; text between blocks is passed over. ERR_NOT_FOUND: no further one;
 * ERR_PARSE: begun and not ended. */
enum err pem_next(struct bytes *rest, struct pem_block *out, struct errmsg *em) MUST_USE;
bool pem_label_is(const struct pem_block *block, const char *label);

/* The block's bytes, in the arena: they may be a private key. ERR_PARSE. out: the caller's. */
enum err pem_decode(const struct pem_block *block, struct secret **out, struct errmsg *em) MUST_USE;
