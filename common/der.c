#include "common/der.h"

/* X.690 8.1.3, 10.1. The length's own bytes are taken off `rest`. */
static bool length_read(struct bytes *rest, size_t *length)
{
	if (rest->len == 0)
		return false;
	uint8_t first = rest->data[0];
	size_t octets = first & 0x7f;
	size_t value = first;
	if (first & 0x80) {
		if (octets == 0 || octets > 4 || rest->len - 1 < octets || rest->data[1] == 0)
			return false;
		value = 0;
		for (size_t i = 1; i <= octets; i++)
			value = value << 8 | rest->data[i];
		if (value < 0x80)
			return false;
	} else {
		octets = 0;
	}
	rest->data += 1 + octets;
	rest->len -= 1 + octets;
	*length = value;
	return value <= rest->len;
}

bool der_read(struct bytes *rest, struct der_item *out)
{
	struct bytes left = *rest;
	if (left.len < 2 || (left.data[0] & 0x1f) == 0x1f)
		return false;
	uint8_t tag = left.data[0];
	left.data++;
	left.len--;
	size_t length = 0;
	if (!length_read(&left, &length))
		return false;
	*out = (struct der_item){ tag, { left.data, length } };
	*rest = (struct bytes){ left.data + length, left.len - length };
	return true;
}

bool der_expect(struct bytes *rest, enum der_tag tag, struct bytes *body)
{
	struct bytes left = *rest;
	struct der_item item;
	if (!der_read(&left, &item) || item.tag != tag)
		return false;
	*rest = left;
	*body = item.body;
	return true;
}

bool der_unsigned(struct bytes *rest, struct bytes *value)
{
	struct bytes left = *rest;
	struct bytes body;
	if (!der_expect(&left, DER_INTEGER, &body) || body.len == 0 || body.data[0] & 0x80)
		return false;
	if (body.len > 1 && body.data[0] == 0) {
		if (!(body.data[1] & 0x80))
			return false;
		body.data++;
		body.len--;
	}
	*rest = left;
	*value = body;
	return true;
}

int der_peek(struct bytes rest)
{
	return rest.len ? rest.data[0] : -1;
}

#define HEADER_MAX 10

/* X.690 8.1.3, 10.1. How long the header is. */
static size_t header_make(uint8_t header[HEADER_MAX], uint8_t tag, size_t length)
{
	size_t octets = 0;
	header[0] = tag;
	header[1] = (uint8_t)length;
	if (length < 0x80)
		return 2;
	for (size_t rest = length; rest; rest >>= 8)
		octets++;
	header[1] = (uint8_t)(0x80 | octets);
	for (size_t i = 0; i < octets; i++)
		header[2 + i] = (uint8_t)(length >> 8 * (octets - 1 - i));
	return 2 + octets;
}

enum err der_put(struct buf *to, struct der_item item, struct errmsg *em)
{
	uint8_t header[HEADER_MAX];
	size_t len = header_make(header, item.tag, item.body.len);
	enum err e = buf_append(to, (struct bytes){ header, len }, 0, em);
	return e == OK ? buf_append(to, item.body, 0, em) : e;
}

enum err der_enclose(struct buf *to, size_t start, uint8_t tag, struct errmsg *em)
{
	uint8_t header[HEADER_MAX];
	size_t body = to->len - start;
	size_t len = header_make(header, tag, body);
	enum err e = buf_reserve(to, len, em);
	if (e != OK)
		return e;
	memmove(to->data + start + len, to->data + start, body);
	memcpy(to->data + start, header, len);
	to->len += len;
	return OK;
}
