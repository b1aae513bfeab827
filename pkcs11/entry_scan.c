/* Entries of the common form, read without json-c. Whatever is not just that, wrong entries among it, is left to
 * entry.c: so there is one place that says what is wrong, and this one need only be right about what it takes. */
#include "common/json_grammar.h"
#include "pkcs11/entry_read.h"

#define SEGMENTS 3
#define SEGMENT_MAX 255
#define PATH_MAX_BYTES 799 /* struct resource_uri */

struct scan {
	const uint8_t *at, *end;
};

enum { SEGMENT = 1, HEX = 2, BLANK = 4 };
static const uint8_t kinds[256] = {
	[' '] = BLANK,
	['\n'] = BLANK,
	['\t'] = BLANK,
	['\r'] = BLANK,
	['-' ... '.'] = SEGMENT,
	['0' ... '9'] = SEGMENT | HEX,
	['A' ... 'F'] = SEGMENT | HEX,
	['G' ... 'Z'] = SEGMENT,
	['_'] = SEGMENT,
	['a' ... 'f'] = SEGMENT | HEX,
	['g' ... 'z'] = SEGMENT,
};

static void blanks(struct scan *s)
{
	while (s->at < s->end && kinds[*s->at] & BLANK)
		s->at++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->at == s->end || *s->at != (uint8_t)c)
		return false;
	s->at++;
	return true;
}

static bool take_string(struct scan *s, struct bytes *out)
{
	if (!take(s, '"'))
		return false;
	const uint8_t *from = s->at;
	s->at += json_plain_run((struct bytes){ from, (size_t)(s->end - from) });
	*out = (struct bytes){ from, (size_t)(s->at - from) };
	return s->at < s->end && *s->at++ == '"';
}

static bool take_bool(struct scan *s, bool *to)
{
	blanks(s);
	size_t left = (size_t)(s->end - s->at);
	*to = left >= 4 && memcmp(s->at, "true", 4) == 0;
	if (!*to && (left < 5 || memcmp(s->at, "false", 5) != 0))
		return false;
	s->at += *to ? 4 : 5;
	return true;
}

/* kbs:///repository/type/tag, as resource_uri_parse() has it. */
static bool is_simple_uri(struct bytes text)
{
	static const char scheme[] = "kbs:///";
	const size_t head = sizeof(scheme) - 1;
	if (text.len < head || text.len - head > PATH_MAX_BYTES || memcmp(text.data, scheme, head) != 0)
		return false;
	size_t segments = 1, len = 0;
	for (size_t i = head; i < text.len; i++) {
		uint8_t c = text.data[i];
		if (c == '/' ? len == 0 : !(kinds[c] & SEGMENT) || (len == 0 && c == '.') || len == SEGMENT_MAX)
			return false;
		segments += c == '/';
		len = c == '/' ? 0 : len + 1;
	}
	return segments == SEGMENTS && len > 0;
}

/* A path, or a simple URI. */
static bool is_simple_source(struct bytes text)
{
	return text.len > 0 && (text.len < 3 || memcmp(text.data, "kbs", 3) != 0 || is_simple_uri(text));
}

static bool hex_bytes(struct bytes hex, uint8_t *to)
{
	for (size_t i = 0; i < hex.len; i++) {
		uint8_t c = hex.data[i];
		if (!(kinds[c] & HEX))
			return false;
		uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		to[i / 2] = (uint8_t)(to[i / 2] << 4 | digit);
	}
	return true;
}

static enum err put_text(struct pool *pool, struct bytes text, const char **to)
{
	*to = pool_text(pool, text);
	return *to ? OK : ERR_NOMEM;
}

static enum err put_id(struct pool *pool, struct bytes hex, struct entry *to)
{
	if (hex.len < 2 || hex.len > 2 * ENTRY_ID_MAX || hex.len % 2)
		return ERR_UNSUPPORTED;
	uint8_t *id = pool_take(pool, hex.len / 2);
	if (!id)
		return ERR_NOMEM;
	to->id = id;
	to->id_len = (uint8_t)(hex.len / 2);
	return hex_bytes(hex, id) ? OK : ERR_UNSUPPORTED;
}

enum member { LABEL = 1, CLASS = 2, URI = 4, PUBLIC = 8, CERTIFICATE = 16, ID = 32, TYPE = 64, EXTRACTABLE = 128 };

static unsigned member_find(struct bytes name)
{
	static const struct {
		char name[12];
		unsigned member;
	} members[] = {
		{ "id", ID },
		{ "uri", URI },
		{ "type", TYPE },
		{ "label", LABEL },
		{ "class", CLASS },
		{ "public", PUBLIC },
		{ "certificate", CERTIFICATE },
		{ "extractable", EXTRACTABLE },
	};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (name.len < sizeof(members[i].name) && (uint8_t)members[i].name[0] == name.data[0] &&
		    !members[i].name[name.len] && memcmp(name.data, members[i].name, name.len) == 0)
			return members[i].member;
	return 0;
}

static enum err take_text_member(struct bytes text, unsigned member, struct pool *pool, struct entry *to)
{
	switch (member) {
	case LABEL:
		if (text.len < 1 || text.len > ENTRY_LABEL_MAX)
			return ERR_UNSUPPORTED;
		to->label_len = (uint8_t)text.len;
		return put_text(pool, text, &to->label);
	case CLASS:
		return entry_word_class(text, &to->class) ? OK : ERR_UNSUPPORTED;
	case TYPE:
		return entry_word_type(text, &to->key_type) ? OK : ERR_UNSUPPORTED;
	case URI:
		return is_simple_uri(text) ? put_text(pool, text, &to->uri) : ERR_UNSUPPORTED;
	case PUBLIC:
		return is_simple_source(text) ? put_text(pool, text, &to->public_part) : ERR_UNSUPPORTED;
	case CERTIFICATE:
		return is_simple_source(text) ? put_text(pool, text, &to->certificate) : ERR_UNSUPPORTED;
	default:
		return put_id(pool, text, to);
	}
}

static enum err take_member(struct scan *s, unsigned *seen, struct pool *pool, struct entry *to)
{
	struct bytes name, text;
	if (!take_string(s, &name) || !take(s, ':'))
		return ERR_UNSUPPORTED;
	unsigned member = name.len ? member_find(name) : 0;
	if (!member || *seen & member)
		return ERR_UNSUPPORTED;
	*seen |= member;
	if (member == EXTRACTABLE)
		return take_bool(s, &to->extractable) ? OK : ERR_UNSUPPORTED;
	return take_string(s, &text) ? take_text_member(text, member, pool, to) : ERR_UNSUPPORTED;
}

enum err entry_scan_simple(struct bytes text, size_t *at, struct pool *pool, struct entry *to)
{
	struct scan s = { text.data + *at, text.data + text.len };
	unsigned seen = 0;
	*to = (struct entry){ .key_type = CK_UNAVAILABLE_INFORMATION };
	if (!take(&s, '{'))
		return ERR_UNSUPPORTED;
	do {
		enum err e = take_member(&s, &seen, pool, to);
		if (e != OK)
			return e;
	} while (take(&s, ','));
	if (!take(&s, '}') || (seen & (LABEL | CLASS)) != (LABEL | CLASS))
		return ERR_UNSUPPORTED;
	*at = (size_t)(s.at - text.data);
	return OK;
}
