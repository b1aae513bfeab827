#include "common/json_grammar.h"

#include "common/utf8.h"

/* The names of all objects that are open, the innermost last. They point into the text. */
struct names {
	struct bytes *all;
	size_t count;
	size_t cap;
};

struct grammar {
	struct bytes text;
	size_t at;
	unsigned depth;
	unsigned max_depth;
	struct names names;
	const char *wrong; /* the first thing that was; constant text */
	enum err e;
};

static bool fail(struct grammar *g, const char *wrong)
{
	if (!g->wrong) {
		g->wrong = wrong;
		g->e = ERR_PARSE;
	}
	return false;
}

static bool next_is(const struct grammar *g, char c)
{
	return g->at < g->text.len && g->text.data[g->at] == (uint8_t)c;
}

static bool take(struct grammar *g, char c)
{
	if (!next_is(g, c))
		return false;
	g->at++;
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct grammar *g)
{
	while (g->at < g->text.len && is_blank(g->text.data[g->at]))
		g->at++;
}

static bool is_digit(const struct grammar *g)
{
	return g->at < g->text.len && g->text.data[g->at] >= '0' && g->text.data[g->at] <= '9';
}

static bool digits(struct grammar *g)
{
	if (!is_digit(g))
		return fail(g, "a digit is missing");
	while (is_digit(g))
		g->at++;
	return true;
}

static bool number(struct grammar *g)
{
	(void)take(g, '-');
	if (take(g, '0')) {
		if (is_digit(g))
			return fail(g, "a number begins with 0");
	} else if (!digits(g))
		return false;
	if (take(g, '.') && !digits(g))
		return false;
	if (take(g, 'e') || take(g, 'E')) {
		if (!take(g, '+'))
			(void)take(g, '-');
		return digits(g);
	}
	return true;
}

static bool word(struct grammar *g, const char *expected)
{
	size_t len = strlen(expected);
	if (g->text.len - g->at < len || memcmp(g->text.data + g->at, expected, len) != 0)
		return fail(g, "not a JSON value");
	g->at += len;
	return true;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of \uXXXX; -1 if they are not there. */
static int32_t hex4(struct bytes text, size_t at)
{
	if (at > text.len || text.len - at < 4)
		return -1;
	int32_t value = 0;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_value(text.data[at + i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* text.data[*at] is the u. A surrogate stands only as the first half of a pair. -1: malformed. */
static int32_t escaped_unicode(struct bytes text, size_t *at)
{
	int32_t high = hex4(text, *at + 1);
	if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -1;
	*at += 5;
	if (high < 0xd800 || high > 0xdbff)
		return high;
	if (text.len - *at < 6 || text.data[*at] != '\\' || text.data[*at + 1] != 'u')
		return -1;
	int32_t low = hex4(text, *at + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*at += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* text.data[*at] follows a backslash. -1: malformed. */
static int32_t escaped(struct bytes text, size_t *at)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	if (*at >= text.len)
		return -1;
	if (text.data[*at] == 'u')
		return escaped_unicode(text, at);
	const char *letter = text.data[*at] ? strchr(letters, text.data[*at]) : NULL;
	if (!letter)
		return -1;
	(*at)++;
	return meanings[letter - letters];
}

#define EACH(byte) (0x0101010101010101ULL * (byte))
/* The high bit of each byte that is below; the lowest of them is right. */
#define BELOW(word, byte) (((word)-EACH(byte)) & ~(word))

size_t json_plain_run(struct bytes text)
{
	size_t n = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (; text.len - n >= 8; n += 8) {
		uint64_t word;
		memcpy(&word, text.data + n, sizeof(word));
		uint64_t quote = word ^ EACH('"'), slash = word ^ EACH('\\');
		uint64_t hits = (word | BELOW(word, ' ') | BELOW(quote, 1) | BELOW(slash, 1)) & EACH(0x80);
		if (hits)
			return n + (size_t)__builtin_ctzll(hits) / 8;
	}
#endif
	for (; n < text.len; n++) {
		uint8_t c = text.data[n];
		if (c < ' ' || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return n;
}

/* Moves behind the closing quote. */
static bool string(struct grammar *g, struct bytes *inside)
{
	if (!take(g, '"'))
		return fail(g, "a string is missing");
	size_t begin = g->at;
	for (;;) {
		uint32_t point = 0;
		g->at += json_plain_run((struct bytes){ g->text.data + g->at, g->text.len - g->at });
		if (next_is(g, '"'))
			break;
		if (g->at >= g->text.len)
			return fail(g, "a string does not end");
		if (g->text.data[g->at] < 0x20)
			return fail(g, "a control character in a string");
		if (take(g, '\\')) {
			if (escaped(g->text, &g->at) < 0)
				return fail(g, "a wrong escape in a string");
		} else if (!utf8_next(g->text, &g->at, &point))
			return fail(g, "not UTF-8");
	}
	*inside = (struct bytes){ g->text.data + begin, g->at - begin };
	g->at++;
	return true;
}

uint32_t json_grammar_char(struct bytes inside, size_t *at)
{
	if (inside.data[*at] == '\\') {
		(*at)++;
		return (uint32_t)escaped(inside, at);
	}
	uint32_t point = 0;
	if (!utf8_next(inside, at, &point))
		(*at)++; /* cannot be, in a checked text; but never stand still */
	return point;
}

/* By characters, unescaped. */
static int name_compare(const void *left, const void *right)
{
	const struct bytes *a = left;
	const struct bytes *b = right;
	size_t a_at = 0;
	size_t b_at = 0;
	while (a_at < a->len && b_at < b->len) {
		uint32_t x = json_grammar_char(*a, &a_at);
		uint32_t y = json_grammar_char(*b, &b_at);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a_at < a->len) - (b_at < b->len);
}

static bool name_has_nul(struct bytes name)
{
	for (size_t at = 0; at < name.len;)
		if (json_grammar_char(name, &at) == 0)
			return true;
	return false;
}

static bool name_add(struct grammar *g, struct bytes name)
{
	struct names *n = &g->names;
	/* C strings, json-c's among them, would take "a\u0000b" for "a". */
	if (name_has_nul(name))
		return fail(g, "a member's name holds a NUL");
	if (n->count == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 64;
		struct bytes *all = reallocarray(n->all, cap, sizeof(*all));
		if (!all) {
			(void)fail(g, "no memory");
			g->e = ERR_NOMEM;
			return false;
		}
		n->all = all;
		n->cap = cap;
	}
	n->all[n->count++] = name;
	return true;
}

/* Sorted, so that a hostile text with very many members does not cost the square of them. */
static bool names_close(struct grammar *g, size_t first)
{
	struct names *n = &g->names;
	size_t count = n->count - first;
	if (count > 1)
		qsort(n->all + first, count, sizeof(*n->all), name_compare);
	for (size_t i = first + 1; i < n->count; i++) {
		if (name_compare(&n->all[i - 1], &n->all[i]) != 0)
			continue;
		const uint8_t *later = n->all[i].data > n->all[i - 1].data ? n->all[i].data : n->all[i - 1].data;
		g->at = (size_t)(later - g->text.data);
		return fail(g, "a member is there twice");
	}
	n->count = first;
	return true;
}

static bool value(struct grammar *g);

static bool member(struct grammar *g)
{
	struct bytes name;
	skip_blanks(g);
	if (!string(g, &name) || !name_add(g, name))
		return false;
	skip_blanks(g);
	if (!take(g, ':'))
		return fail(g, "a colon is missing");
	return value(g);
}

static bool object(struct grammar *g)
{
	size_t first = g->names.count;
	g->at++;
	skip_blanks(g);
	if (take(g, '}'))
		return true;
	do
		if (!member(g))
			return false;
	while (take(g, ','));
	if (!take(g, '}'))
		return fail(g, "a comma or closing brace is missing");
	return names_close(g, first);
}

static bool array(struct grammar *g)
{
	g->at++;
	skip_blanks(g);
	if (take(g, ']'))
		return true;
	do
		if (!value(g))
			return false;
	while (take(g, ','));
	return take(g, ']') || fail(g, "a comma or closing bracket is missing");
}

static bool nested(struct grammar *g, bool (*read)(struct grammar *g))
{
	if (g->depth == g->max_depth)
		return fail(g, "nested too deeply");
	g->depth++;
	bool good = read(g);
	g->depth--;
	return good;
}

static bool scalar(struct grammar *g)
{
	struct bytes inside;
	if (next_is(g, '"'))
		return string(g, &inside);
	if (next_is(g, 't'))
		return word(g, "true");
	if (next_is(g, 'f'))
		return word(g, "false");
	if (next_is(g, 'n'))
		return word(g, "null");
	if (next_is(g, '-') || is_digit(g))
		return number(g);
	return fail(g, "not a JSON value");
}

/* With the blanks around it. */
static bool value(struct grammar *g)
{
	skip_blanks(g);
	bool good = next_is(g, '{') ? nested(g, object) : next_is(g, '[') ? nested(g, array) : scalar(g);
	skip_blanks(g);
	return good;
}

static size_t line_of(const struct grammar *g)
{
	size_t line = 1;
	for (size_t i = 0; i < g->at && i < g->text.len; i++)
		line += g->text.data[i] == '\n';
	return line;
}

enum err json_grammar_check(struct bytes text, unsigned depth, struct errmsg *em)
{
	struct grammar g = { .text = text, .max_depth = depth };
	bool good = value(&g);
	if (good && g.at < text.len)
		good = fail(&g, "something follows the JSON value");
	free(g.names.all);
	if (good)
		return OK;
	return err_set(em, g.e, "%s: line %zu, byte %zu", g.wrong, line_of(&g), g.at + 1);
}

static bool one_member(struct grammar *g, struct bytes *name, struct bytes *raw)
{
	skip_blanks(g);
	if (!string(g, name))
		return false;
	skip_blanks(g);
	(void)take(g, ':');
	skip_blanks(g);
	size_t begin = g->at;
	if (!value(g))
		return false;
	size_t end = g->at;
	while (end > begin && is_blank(g->text.data[end - 1]))
		end--;
	*raw = (struct bytes){ g->text.data + begin, end - begin };
	return true;
}

bool json_grammar_members(struct bytes text, void (*each)(void *ctx, struct bytes name, struct bytes value), void *ctx)
{
	/* The check before has bounded the depth. */
	struct grammar g = { .text = text, .max_depth = UINT32_MAX };
	skip_blanks(&g);
	if (!take(&g, '{'))
		return false;
	skip_blanks(&g);
	if (take(&g, '}'))
		return true;
	struct bytes name;
	struct bytes raw;
	do {
		if (!one_member(&g, &name, &raw))
			break;
		each(ctx, name, raw);
	} while (take(&g, ','));
	free(g.names.all);
	return true;
}

bool json_grammar_string(struct bytes text, struct bytes *inside)
{
	struct grammar g = { .text = text, .max_depth = 1 };
	skip_blanks(&g);
	return next_is(&g, '"') && string(&g, inside);
}
