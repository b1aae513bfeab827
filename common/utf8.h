#pragma once
#include "common/bytes.h"

/* The code point at text.data[*pos]; moves *pos behind it. False, and *pos stays, where it is not valid
 * UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). *pos < text.len. */
bool utf8_next(struct bytes text, size_t *pos, uint32_t *point);
bool utf8_valid(struct bytes text);

/* Writes 1 to 4 bytes and returns how many. `point` is a valid one. */
size_t utf8_put(uint32_t point, uint8_t to[4]);
