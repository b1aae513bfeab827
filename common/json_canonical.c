#include "common/json.h"

#include "common/utf8.h"

#include <inttypes.h>
#include <stdio.h>

/* RFC 8785. Numbers: integers that every reader of doubles keeps exactly (RFC 7493 2.2). */
enum { CANONICAL_DEPTH = 64 };
#define EXACT_MAX ((int64_t)1 << 53)

struct canonical {
	struct buf text;
	unsigned depth;
	struct errmsg *em;
};

static enum err put(struct canonical *c, const char *text, size_t len)
{
	return buf_append(&c->text, (struct bytes){ (const uint8_t *)text, len }, 0, c->em);
}

/* RFC 8785 3.2.2.2: the short escapes, else \u00xx in lower case; all else literally. */
static enum err put_char(struct canonical *c, struct bytes literal)
{
	static const char short_escapes[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	uint8_t first = literal.data[0];
	char escape[8];
	if (first == '"' || first == '\\')
		snprintf(escape, sizeof(escape), "\\%c", first);
	else if (first >= 0x20)
		return buf_append(&c->text, literal, 0, c->em);
	else if (short_escapes[first])
		snprintf(escape, sizeof(escape), "\\%c", short_escapes[first]);
	else
		snprintf(escape, sizeof(escape), "\\u%04x", first);
	return put(c, escape, strlen(escape));
}

static enum err put_string(struct canonical *c, struct bytes text)
{
	enum err e = put(c, "\"", 1);
	for (size_t at = 0; e == OK && at < text.len;) {
		size_t begin = at;
		uint32_t point = 0;
		if (!utf8_next(text, &at, &point))
			return err_set(c->em, ERR_PARSE, "a string that is not UTF-8");
		e = put_char(c, (struct bytes){ text.data + begin, at - begin });
	}
	return e == OK ? put(c, "\"", 1) : e;
}

static enum err put_int(struct canonical *c, json_object *number)
{
	int64_t n = json_object_get_int64(number);
	if (n > EXACT_MAX || n < -EXACT_MAX)
		return err_set(c->em, ERR_UNSUPPORTED, "an integer beyond 2^53 has no canonical form");
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, n);
	return put(c, text, strlen(text));
}

/* Which of two characters comes first in UTF-16: the surrogates of those beyond U+FFFF sort before U+E000. */
static int utf16_compare(uint32_t a, uint32_t b)
{
	bool a_pair = a > 0xffff;
	bool b_pair = b > 0xffff;
	if (a_pair != b_pair && (a_pair ? b : a) >= 0xe000)
		return a_pair ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* RFC 8785 3.2.3. The names are valid UTF-8. */
static int name_compare(const void *left, const void *right)
{
	struct bytes a = bytes_str(*(const char *const *)left);
	struct bytes b = bytes_str(*(const char *const *)right);
	size_t a_at = 0;
	size_t b_at = 0;
	while (a_at < a.len && b_at < b.len) {
		uint32_t x = 0;
		uint32_t y = 0;
		if (!utf8_next(a, &a_at, &x) || !utf8_next(b, &b_at, &y))
			return 0;
		int order = utf16_compare(x, y);
		if (order != 0)
			return order;
	}
	return (a_at < a.len) - (b_at < b.len);
}

static enum err put_value(struct canonical *c, json_object *value);

static enum err put_array(struct canonical *c, json_object *array)
{
	enum err e = put(c, "[", 1);
	size_t count = json_object_array_length(array);
	for (size_t i = 0; e == OK && i < count; i++) {
		if (i > 0)
			e = put(c, ",", 1);
		if (e == OK)
			e = put_value(c, json_object_array_get_idx(array, i));
	}
	return e == OK ? put(c, "]", 1) : e;
}

static enum err put_member(struct canonical *c, json_object *obj, const char *name)
{
	json_object *value = NULL;
	(void)json_object_object_get_ex(obj, name, &value);
	enum err e = put_string(c, bytes_str(name));
	if (e == OK)
		e = put(c, ":", 1);
	return e == OK ? put_value(c, value) : e;
}

static enum err names_sorted(struct canonical *c, json_object *obj, const char **names)
{
	size_t count = 0;
	json_object_object_foreach(obj, name, value)
	{
		(void)value;
		if (!utf8_valid(bytes_str(name)))
			return err_set(c->em, ERR_PARSE, "a member's name that is not UTF-8");
		names[count++] = name;
	}
	qsort(names, count, sizeof(*names), name_compare);
	return OK;
}

static enum err put_members(struct canonical *c, json_object *obj, const char **names)
{
	size_t count = (size_t)json_object_object_length(obj);
	enum err e = names_sorted(c, obj, names);
	if (e == OK)
		e = put(c, "{", 1);
	for (size_t i = 0; e == OK && i < count; i++) {
		if (i > 0)
			e = put(c, ",", 1);
		if (e == OK)
			e = put_member(c, obj, names[i]);
	}
	return e == OK ? put(c, "}", 1) : e;
}

static enum err put_object(struct canonical *c, json_object *obj)
{
	int count = json_object_object_length(obj);
	const char **names = calloc(count > 0 ? (size_t)count : 1, sizeof(*names));
	if (!names)
		return err_nomem(c->em, "JSON");
	enum err e = put_members(c, obj, names);
	free(names);
	return e;
}

static enum err put_nested(struct canonical *c, json_object *value)
{
	if (c->depth == CANONICAL_DEPTH)
		return err_set(c->em, ERR_LIMIT, "JSON nested more than %d deep", CANONICAL_DEPTH);
	c->depth++;
	enum err e = json_object_is_type(value, json_type_array) ? put_array(c, value) : put_object(c, value);
	c->depth--;
	return e;
}

static enum err put_value(struct canonical *c, json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return put(c, "null", 4);
	case json_type_boolean:
		return json_object_get_boolean(value) ? put(c, "true", 4) : put(c, "false", 5);
	case json_type_int:
		return put_int(c, value);
	case json_type_string:
		return put_string(c, (struct bytes){ (const uint8_t *)json_object_get_string(value),
						     (size_t)json_object_get_string_len(value) });
	case json_type_array:
	case json_type_object:
		return put_nested(c, value);
	case json_type_double:
		break;
	}
	return err_set(c->em, ERR_UNSUPPORTED, "a number that is no integer has no canonical form here");
}

enum err json_canonical(json_object *obj, char **out, struct errmsg *em)
{
	struct canonical c = { .em = em };
	enum err e = put_value(&c, obj);
	char *text = e == OK ? buf_cstr(&c.text) : NULL;
	if (!text) {
		buf_clear(&c.text);
		return e == OK ? err_nomem(em, "JSON") : e;
	}
	*out = text;
	return OK;
}
