#include "common/json_scan.h"

#include "common/json_grammar.h"
#include "common/utf8.h"

enum { SCAN_DEPTH = 16 };

/* What Go's encoding/json takes for the same letter: strings.EqualFold on an ASCII name. */
static uint32_t fold(uint32_t point)
{
	if (point >= 'A' && point <= 'Z')
		return point - 'A' + 'a';
	if (point == 0x212a) /* KELVIN SIGN */
		return 'k';
	if (point == 0x017f) /* LATIN SMALL LETTER LONG S */
		return 's';
	return point;
}

enum match { DIFFERENT, FOLDED, EXACT };

/* `inside`: a valid string without its quotes. */
static enum match name_match(struct bytes inside, struct bytes wanted)
{
	size_t at = 0;
	size_t wanted_at = 0;
	bool exact = true;
	while (at < inside.len && wanted_at < wanted.len) {
		uint32_t a = json_grammar_char(inside, &at);
		uint32_t b = 0;
		if (!utf8_next(wanted, &wanted_at, &b) || fold(a) != fold(b))
			return DIFFERENT;
		exact = exact && a == b;
	}
	if (at < inside.len || wanted_at < wanted.len)
		return DIFFERENT;
	return exact ? EXACT : FOLDED;
}

struct wanted {
	struct bytes name;
	bool any_case;
	struct bytes found;
	unsigned count;
};

static void look(void *ctx, struct bytes name, struct bytes value)
{
	struct wanted *w = ctx;
	enum match m = name_match(name, w->name);
	if (m == DIFFERENT || (m == FOLDED && !w->any_case))
		return;
	w->found = value;
	w->count++;
}

enum err json_scan_valid(struct bytes text, struct errmsg *em)
{
	return json_grammar_check(text, SCAN_DEPTH, em);
}

/* One step of the path, in a valid text. */
static enum err step(struct bytes text, struct wanted *w, struct errmsg *em)
{
	if (!json_grammar_members(text, look, w))
		return err_set(em, ERR_PARSE, "not an object where member \"%.*s\" was looked for", (int)w->name.len,
			       (const char *)w->name.data);
	/* Exact duplicates are refused already; two spellings of one name would be read differently by others. */
	if (w->count > 1)
		return err_set(em, ERR_PARSE, "member \"%.*s\" is there in two spellings", (int)w->name.len,
			       (const char *)w->name.data);
	if (w->count == 0)
		return err_set(em, ERR_NOT_FOUND, "no member \"%.*s\"", (int)w->name.len, (const char *)w->name.data);
	return OK;
}

enum err json_scan_member(struct bytes text, struct json_scan_path where, struct bytes *raw, struct errmsg *em)
{
	enum err e = json_scan_valid(text, em);
	if (e != OK)
		return e;
	const char *at = where.path;
	for (;;) {
		size_t len = strcspn(at, ".");
		struct wanted w = { .name = { (const uint8_t *)at, len }, .any_case = where.any_case };
		e = step(text, &w, em);
		if (e != OK)
			return e;
		text = w.found;
		if (!at[len])
			break;
		at += len + 1;
	}
	*raw = text;
	return OK;
}

enum err json_scan_each(struct bytes text, void (*each)(void *ctx, struct bytes name, struct bytes value), void *ctx,
			struct errmsg *em)
{
	enum err e = json_scan_valid(text, em);
	if (e != OK)
		return e;
	return json_grammar_members(text, each, ctx) ? OK : err_set(em, ERR_PARSE, "not an object");
}

enum err json_scan_string(struct bytes raw, struct secret **out, struct errmsg *em)
{
	enum err e = json_scan_valid(raw, em);
	if (e != OK)
		return e;
	struct bytes inside;
	if (!json_grammar_string(raw, &inside))
		return err_set(em, ERR_PARSE, "not a string");
	/* Unescaped it is never longer. */
	AUTO(secret) *plain = NULL;
	e = secret_new(inside.len, &plain, em);
	if (e != OK)
		return e;
	size_t len = 0;
	for (size_t at = 0; at < inside.len;)
		len += utf8_put(json_grammar_char(inside, &at), secret_data(plain) + len);
	secret_truncate(plain, len);
	*out = steal(&plain);
	return OK;
}

enum err json_scan_base64(struct bytes raw, enum base64_kind kind, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *text = NULL;
	enum err e = json_scan_string(raw, &text, em);
	if (e != OK)
		return e;
	return base64_decode_secret(kind, secret_bytes(text), out, em);
}
