#include "common/log_format.h"

#include "common/utf8.h"

#include <inttypes.h>
#include <stdio.h>

static const char cut[] = "...\n";

static void put(struct log_text *to, const char *text, size_t len)
{
	size_t room = sizeof(to->text) - sizeof(cut) - to->len;
	if (len > room)
		len = room;
	memcpy(to->text + to->len, text, len);
	to->len += len;
}

void log_text_put(struct log_text *to, const char *text)
{
	put(to, text, strlen(text));
}

void log_text_end(struct log_text *to)
{
	const char *end = to->len == sizeof(to->text) - sizeof(cut) ? cut : "\n";
	memcpy(to->text + to->len, end, strlen(end));
	to->len += strlen(end);
}

/* Neither control characters, nor what changes the order or the number of lines on a terminal. */
static bool point_printable(uint32_t p)
{
	if (p < 0x20 || (p >= 0x7f && p < 0xa0) || p == '"' || p == '\\')
		return false;
	return !(p == 0x061c || (p >= 0x200b && p <= 0x200f) || (p >= 0x2028 && p <= 0x202e) ||
		 (p >= 0x2060 && p <= 0x206f) || p == 0xfeff);
}

static void put_escape(struct log_text *to, uint8_t c)
{
	static const char letters[128] = { ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\' };
	char escape[8];
	if (c < sizeof(letters) && letters[c])
		snprintf(escape, sizeof(escape), "\\%c", letters[c]);
	else
		snprintf(escape, sizeof(escape), "\\x%02x", c);
	log_text_put(to, escape);
}

static void put_escaped(struct log_text *to, struct bytes value)
{
	for (size_t at = 0; at < value.len;) {
		size_t next = at;
		uint32_t point = 0;
		bool whole = utf8_next(value, &next, &point);
		if (whole && point_printable(point)) {
			put(to, (const char *)value.data + at, next - at);
			at = next;
			continue;
		}
		for (size_t end = whole ? next : at + 1; at < end; at++)
			put_escape(to, value.data[at]);
	}
}

/* One conversion of the format: %[-0][width][.precision][length]letter. */
struct conversion {
	bool zeros;
	int width;
	int precision; /* -1 = none */
	char size; /* 'H' = hh, 'h', 'l', 'L' = ll, 'z', 'j', 't', or 0 */
	char letter;
	bool quoted; /* the format has a quote before it */
};

static int number(const char **at, int star)
{
	if (**at == '*') {
		(*at)++;
		return star;
	}
	int n = 0;
	for (; **at >= '0' && **at <= '9' && n < 100000; (*at)++)
		n = n * 10 + (**at - '0');
	return n;
}

/* *at is behind the '%'. A star's argument comes before the value's, so it is taken here. */
static struct conversion conversion_take(const char **at, va_list *args)
{
	struct conversion c = { .precision = -1 };
	for (; **at && strchr("-+ #0", **at); (*at)++)
		c.zeros = c.zeros || **at == '0';
	c.width = number(at, **at == '*' ? va_arg(*args, int) : 0);
	if (**at == '.') {
		(*at)++;
		c.precision = number(at, **at == '*' ? va_arg(*args, int) : 0);
	}
	for (; **at && strchr("hlzjt", **at); (*at)++)
		c.size = c.size == **at ? (**at == 'l' ? 'L' : 'H') : **at;
	c.letter = **at;
	if (**at)
		(*at)++;
	return c;
}

static intmax_t take_signed(char size, va_list *args)
{
	if (size == 'l')
		return va_arg(*args, long);
	if (size == 'L')
		return va_arg(*args, long long);
	if (size == 'z')
		return va_arg(*args, ssize_t);
	if (size == 'j')
		return va_arg(*args, intmax_t);
	if (size == 't')
		return va_arg(*args, ptrdiff_t);
	return va_arg(*args, int); /* h and hh are promoted */
}

static uintmax_t take_unsigned(char size, va_list *args)
{
	if (size == 'l')
		return va_arg(*args, unsigned long);
	if (size == 'L')
		return va_arg(*args, unsigned long long);
	if (size == 'z')
		return va_arg(*args, size_t);
	if (size == 'j')
		return va_arg(*args, uintmax_t);
	if (size == 't')
		return (uintmax_t)va_arg(*args, ptrdiff_t);
	return va_arg(*args, unsigned);
}

static void put_string(struct log_text *to, struct conversion c, const char *text)
{
	if (!text)
		text = "(none)";
	struct bytes value = { (const uint8_t *)text,
			       c.precision < 0 ? strlen(text) : strnlen(text, (size_t)c.precision) };
	bool bare = value.len > 0 && !memchr(value.data, ' ', value.len) && !memchr(value.data, '=', value.len) &&
		    !memchr(value.data, '"', value.len);
	bool add_quotes = !c.quoted && !bare;
	if (add_quotes)
		put(to, "\"", 1);
	put_escaped(to, value);
	if (add_quotes)
		put(to, "\"", 1);
}

static void put_number(struct log_text *to, struct conversion c, va_list *args)
{
	char text[64];
	int width = c.width < 40 ? c.width : 40;
	if (c.letter == 'd' || c.letter == 'i')
		snprintf(text, sizeof(text), c.zeros ? "%0*" PRIdMAX : "%*" PRIdMAX, width, take_signed(c.size, args));
	else if (c.letter == 'u')
		snprintf(text, sizeof(text), c.zeros ? "%0*" PRIuMAX : "%*" PRIuMAX, width,
			 take_unsigned(c.size, args));
	else
		snprintf(text, sizeof(text), c.zeros ? "%0*" PRIxMAX : "%*" PRIxMAX, width,
			 take_unsigned(c.size, args));
	log_text_put(to, text);
}

/* False: a conversion that is not known here, whose argument cannot be passed over. */
static bool put_conversion(struct log_text *to, struct conversion c, va_list *args)
{
	char text[32];
	switch (c.letter) {
	case 's':
		put_string(to, c, va_arg(*args, const char *));
		return true;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
		put_number(to, c, args);
		return true;
	case 'c': {
		uint8_t character = (uint8_t)va_arg(*args, int);
		put_escaped(to, (struct bytes){ &character, 1 });
		return true;
	}
	case 'p':
		snprintf(text, sizeof(text), "%p", va_arg(*args, void *));
		log_text_put(to, text);
		return true;
	case '%':
		put(to, "%", 1);
		return true;
	default:
		return false;
	}
}

void log_text_format(struct log_text *to, const char *fmt, va_list args)
{
	va_list rest;
	va_copy(rest, args);
	bool quoted = false;
	while (*fmt) {
		size_t plain = strcspn(fmt, "%");
		for (size_t i = 0; i < plain; i++)
			quoted = quoted != (fmt[i] == '"');
		put(to, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		fmt++;
		struct conversion c = conversion_take(&fmt, &rest);
		c.quoted = quoted;
		if (!put_conversion(to, c, &rest)) {
			log_text_put(to, "?");
			break;
		}
	}
	va_end(rest);
}
