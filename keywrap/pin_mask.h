#pragma once
#include "common/secret.h"

/* Takes PINs out of a text (a PKCS#11 URI, or a key file that holds one) before a parser that does not wipe its
 * memory gets to see it. Each `pin-value=VALUE` becomes `pin-value=N`, N the index of the value here. */

#define PIN_MASK_MAX 8

struct pin_mask {
	struct bytes values[PIN_MASK_MAX]; /* percent-encoded, borrowed from the text */
	size_t count;
};

/* Fills `masked` with the text without PINs. ERR_LIMIT: more than PIN_MASK_MAX of them. */
enum err pin_mask_apply(struct bytes text, struct pin_mask *mask, struct buf *masked, struct errmsg *em) MUST_USE;

/* The PIN, percent-decoded, that belongs to what a parser read as the value of `pin-value` in the masked text. */
enum err pin_mask_value(const struct pin_mask *mask, const char *shown, struct secret **pin,
			struct errmsg *em) MUST_USE;
