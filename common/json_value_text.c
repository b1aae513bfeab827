#include "common/json_grammar.h"
#include "common/json_value.h"
#include "common/utf8.h"

#include <stdio.h>
#include <stdlib.h>

/* Values written, and read. */

static bool put(struct buf *to, const char *text)
{
	return buf_append(to, bytes_str(text), 0, NULL) == OK;
}

static bool text_put(struct buf *to, struct bytes text)
{
	static const char escapes[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	bool good = put(to, "\"");
	for (size_t i = 0; i < text.len && good; i++) {
		uint8_t c = text.data[i];
		const char *escape = c ? strchr(escapes, c) : NULL;
		char escaped[8] = { (char)c };
		if (escape)
			snprintf(escaped, sizeof escaped, "\\%c", letters[escape - escapes]);
		else if (c < 0x20)
			snprintf(escaped, sizeof escaped, "\\u%04x", c);
		good = put(to, escaped);
	}
	return good && put(to, "\"");
}

static bool number_put(struct buf *to, const json_object *of)
{
	char text[24];
	if (of->number < 0)
		snprintf(text, sizeof text, "%lld", (long long)of->number);
	else
		snprintf(text, sizeof text, "%llu", (unsigned long long)of->magnitude);
	return put(to, text);
}

static bool value_put(struct buf *to, json_object *of);

static bool members_put(struct buf *to, json_object *of)
{
	bool good = put(to, "{");
	for (struct lh_entry *entry = of->members.head; entry && good; entry = entry->next)
		good = (!entry->prev || put(to, ",")) && text_put(to, bytes_str(entry->k)) && put(to, ":") &&
		       value_put(to, lh_entry_v(entry));
	return good && put(to, "}");
}

static bool list_put(struct buf *to, json_object *of)
{
	bool good = put(to, "[");
	for (size_t i = 0; i < of->list.len && good; i++)
		good = (i == 0 || put(to, ",")) && value_put(to, of->list.items[i]);
	return good && put(to, "]");
}

static bool value_put(struct buf *to, json_object *of)
{
	switch (of ? of->type : json_type_null) {
	case json_type_boolean:
		return put(to, of->yes ? "true" : "false");
	case json_type_double:
		return put(to, (const char *)of->text.data);
	case json_type_int:
		return number_put(to, of);
	case json_type_object:
		return members_put(to, of);
	case json_type_array:
		return list_put(to, of);
	case json_type_string:
		return text_put(to, buf_bytes(&of->text));
	case json_type_null:
		break;
	}
	return put(to, "null");
}

/* As JSON_C_TO_STRING_PLAIN and JSON_C_TO_STRING_NOSLASHESCAPE together, whatever `flags`. */
const char *json_object_to_json_string_ext(json_object *of, int flags)
{
	struct buf text = { 0 };
	(void)flags;
	if (!of)
		return "null";
	free(of->shown);
	of->shown = value_put(&text, of) ? buf_cstr(&text) : NULL;
	if (!of->shown)
		buf_clear(&text);
	return of->shown;
}

/* A text that the grammar has passed; `failed`: no memory. */
struct reader {
	struct bytes text;
	size_t at;
	bool failed;
};

/* What the next value or sign begins with; 0 at the end. */
static uint8_t next(struct reader *r)
{
	while (r->at < r->text.len && memchr(" \t\r\n", r->text.data[r->at], 4))
		r->at++;
	return r->at < r->text.len ? r->text.data[r->at] : 0;
}

/* Passes over the next character if it is this one. */
static bool passes(struct reader *r, uint8_t c)
{
	bool is = next(r) == c;
	r->at += is;
	return is;
}

/* Between the quotes, unescaped; r->failed: no memory. The caller's. */
static struct buf string_take(struct reader *r)
{
	struct buf plain = { 0 };
	(void)passes(r, '"');
	size_t from = r->at;
	while (r->text.data[r->at] != '"')
		r->at += r->text.data[r->at] == '\\' ? 2 : 1;
	struct bytes inside = { r->text.data + from, r->at - from };
	r->at++;
	/* Unescaped it is never longer. */
	if (buf_reserve(&plain, inside.len + 1, NULL) != OK) {
		r->failed = true;
		return plain;
	}
	for (size_t at = 0; at < inside.len;)
		plain.len += utf8_put(json_grammar_char(inside, &at), plain.data + plain.len);
	plain.data[plain.len] = '\0';
	return plain;
}

static json_object *number_take(struct reader *r)
{
	size_t from = r->at;
	bool negative = r->text.data[from] == '-';
	bool whole = true;
	uint64_t n = 0;
	for (; r->at < r->text.len && memchr("+-.eE0123456789", r->text.data[r->at], 15); r->at++) {
		uint8_t digit = (uint8_t)(r->text.data[r->at] - '0');
		if (digit > 9)
			whole = whole && negative && r->at == from;
		else
			whole = whole && !__builtin_mul_overflow(n, 10, &n) && !__builtin_add_overflow(n, digit, &n);
	}
	if (!whole || (negative && n > (uint64_t)INT64_MAX + 1))
		return json_value_text(json_type_double, (struct bytes){ r->text.data + from, r->at - from });
	if (!negative)
		return json_object_new_uint64(n);
	return json_object_new_int64(n ? -(int64_t)(n - 1) - 1 : 0);
}

static json_object *value_take(struct reader *r);

static json_object *members_take(struct reader *r)
{
	json_object *made = json_object_new_object();
	bool good = made != NULL;
	for (r->at++; good && !passes(r, '}'); (void)passes(r, ',')) {
		(void)next(r);
		struct buf name = string_take(r);
		(void)passes(r, ':');
		json_object *value = r->failed ? NULL : value_take(r);
		good = !r->failed && json_value_append(made, (char *)name.data, value);
		if (!good) {
			json_object_put(value);
			buf_clear(&name);
		}
	}
	r->failed = r->failed || !good;
	return made;
}

static json_object *list_take(struct reader *r)
{
	json_object *made = json_object_new_array();
	bool good = made != NULL;
	for (r->at++; good && !passes(r, ']'); (void)passes(r, ',')) {
		json_object *value = value_take(r);
		good = !r->failed && json_object_array_add(made, value) == 0;
		if (!good)
			json_object_put(value);
	}
	r->failed = r->failed || !good;
	return made;
}

/* Recurses as deep as the grammar let values lie in each other. NULL: null, or r->failed. */
static json_object *value_take(struct reader *r)
{
	json_object *made = NULL;
	switch (next(r)) {
	case '{':
		made = members_take(r);
		break;
	case '[':
		made = list_take(r);
		break;
	case '"':
		made = json_value_new(json_type_string);
		if (made)
			made->text = string_take(r);
		break;
	case 't':
	case 'f':
		made = json_object_new_boolean(r->text.data[r->at] == 't');
		r->at += r->text.data[r->at] == 't' ? 4 : 5;
		break;
	case 'n':
		r->at += 4;
		return NULL;
	default:
		made = number_take(r);
	}
	r->failed = r->failed || !made;
	return made;
}

enum err json_build(struct bytes text, json_object **out, struct errmsg *em)
{
	struct reader r = { text, 0, false };
	json_object *made = value_take(&r);
	if (r.failed) {
		json_object_put(made);
		return err_nomem(em, "JSON");
	}
	*out = made;
	return OK;
}
