#pragma once
#include "common/bytes.h"

/* A reader and writer of DER, X.690 clause 10: tags of one byte, definite lengths in their shortest form. Borrows its
 * input, so private keys are read where they lie. Every function takes the first item off `rest` if it is the wanted
 * one, and leaves `rest` alone if it is not. */

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_PRIMITIVE_0 = 0x80,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1,
	DER_CONTEXT_2 = 0xa2,
};

struct der_item {
	uint8_t tag;
	struct bytes body;
};

bool der_read(struct bytes *rest, struct der_item *out);
bool der_expect(struct bytes *rest, enum der_tag tag, struct bytes *body);
/* An INTEGER that is not negative, in its shortest form; *value comes without the sign's zero byte. */
bool der_unsigned(struct bytes *rest, struct bytes *value);
/* The tag of the first item, -1 if there is none. */
int der_peek(struct bytes rest);

/* Writes one item: tag, length, body. */
enum err der_put(struct buf *to, struct der_item item, struct errmsg *em) MUST_USE;
/* Makes what was appended to `to` since it was `start` long the body of one item. */
enum err der_enclose(struct buf *to, size_t start, uint8_t tag, struct errmsg *em) MUST_USE;
