#pragma once
#include "attest/references.h"

/* Each form, unsigned and signed. The readers leave `out` half filled where they fail. */

enum { REFERENCES_MAX_LEN = 1 << 20 };

enum err references_json_write(const struct references *of, bool rvps, struct buf *out, struct errmsg *em) MUST_USE;
/* JSON of our own, or RVPS. */
enum err references_json_read(struct bytes text, struct references *out, struct errmsg *em) MUST_USE;

/* Tag 501, unsigned. Written, its signer must be named. Read, it must be just what would be written of it. */
enum err references_corim_write(const struct references *of, struct buf *out, struct errmsg *em) MUST_USE;
enum err references_corim_read(struct bytes from, struct references *out, struct errmsg *em) MUST_USE;

/* True of what references_corim_write() has written, by its name. */
bool references_corim_is_own(struct bytes from);
/* Any other: out->named and the validity. ERR_PARSE, ERR_LIMIT; ERR_UNSUPPORTED: it names no launch value, or under
 * conditions that are not known here. */
enum err references_foreign_read(struct bytes from, struct references *out, struct errmsg *em) MUST_USE;

/* Errors of what is in a document: texts that do not fit, measures of another algorithm. */
enum err references_check(const struct references *of, struct errmsg *em) MUST_USE;
