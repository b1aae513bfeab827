#include "common/utf8.h"

/* How many bytes follow a leading byte, which bits of it count, and the least that so many may encode. */
static const struct form {
	uint8_t mask;
	uint8_t lead;
	uint8_t follow;
	uint32_t least;
} forms[] = {
	{ 0x80, 0x00, 0, 0 },
	{ 0xe0, 0xc0, 1, 0x80 },
	{ 0xf0, 0xe0, 2, 0x800 },
	{ 0xf8, 0xf0, 3, 0x10000 },
};

static const struct form *form_of(uint8_t lead)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if ((lead & forms[i].mask) == forms[i].lead)
			return &forms[i];
	return NULL;
}

bool utf8_next(struct bytes text, size_t *pos, uint32_t *point)
{
	const uint8_t *at = text.data + *pos;
	const struct form *form = form_of(*at);
	if (!form || form->follow >= text.len - *pos)
		return false;
	uint32_t value = *at & (uint8_t)~form->mask;
	for (size_t i = 1; i <= form->follow; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return false;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < form->least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return false;
	*pos += 1U + form->follow;
	*point = value;
	return true;
}

bool utf8_valid(struct bytes text)
{
	uint32_t point;
	for (size_t pos = 0; pos < text.len;)
		if (!utf8_next(text, &pos, &point))
			return false;
	return true;
}

size_t utf8_put(uint32_t point, uint8_t to[4])
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n; i-- > 1;) {
		to[i] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	to[0] = (uint8_t)(leads[n] | point);
	return n;
}
