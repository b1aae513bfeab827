#pragma once
#include "pkcs11/entry.h"

/* What entry.c and its fast reader share. */

/* Words of "class" and "type". False: there is no such one. */
bool entry_word_class(struct bytes word, CK_OBJECT_CLASS *class);
bool entry_word_type(struct bytes word, CK_KEY_TYPE *type);

/* What goes with what: the class with the type, with files and URIs. All but the form of the URIs. */
enum err entry_check(const struct entry *entry, enum entry_origin origin, struct errmsg *em) MUST_USE;

/* Reads one entry that has nothing but plain strings and common members, from text->data[*at] on, and moves *at behind
 * it. ERR_UNSUPPORTED: it is not so simple, or it is wrong: to be read with care. ERR_NOMEM. */
enum err entry_scan_simple(struct bytes text, size_t *at, struct pool *pool, struct entry *to) MUST_USE;
