#include "common/json.h"

#include "common/json_build.h"
#include "common/json_grammar.h"

#include <inttypes.h>

static void blank(uint8_t *from, const uint8_t *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

/* The byte behind the string that begins at *at. A string without end is for the grammar to refuse. */
static uint8_t *string_end(uint8_t *at, const uint8_t *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && at + 1 < end)
			at++;
	return at < end ? at + 1 : at;
}

/* NULL: a comment without end. */
static uint8_t *comment_end(uint8_t *at, uint8_t *end)
{
	bool line = at[1] == '/';
	for (at += 2; at < end; at++) {
		if (line && *at == '\n')
			return at;
		if (!line && *at == '*' && at + 1 < end && at[1] == '/')
			return at + 2;
	}
	return line ? end : NULL;
}

/* Here and not in json-c, so that both readers see the same text. */
enum err json_comments_blank(struct buf *text, struct errmsg *em)
{
	if (text->len == 0)
		return OK;
	uint8_t *end = text->data + text->len;
	for (uint8_t *at = text->data; at < end;) {
		if (*at == '"') {
			at = string_end(at, end);
			continue;
		}
		if (*at != '/' || at + 1 == end || (at[1] != '/' && at[1] != '*')) {
			at++;
			continue;
		}
		uint8_t *behind = comment_end(at, end);
		if (!behind)
			return err_set(em, ERR_PARSE, "a comment does not end");
		blank(at, behind);
		at = behind;
	}
	return OK;
}

enum err json_parse(struct bytes text, size_t max, enum json_flags flags, json_object **out, struct errmsg *em)
{
	if (text.len > max)
		return err_set(em, ERR_LIMIT, "%zu bytes of JSON: at most %zu are taken", text.len, max);
	AUTO_BUF
	copy = { 0 };
	if (flags & JSON_COMMENTS) {
		enum err e = buf_append(&copy, text, 0, em);
		if (e == OK)
			e = json_comments_blank(&copy, em);
		if (e != OK)
			return e;
		text = buf_bytes(&copy);
	}
	enum err e = json_grammar_check(text, JSON_DEPTH, em);
	if (e != OK)
		return e;
	return json_build(text, out, em);
}

/* What every getter begins with. *member = NULL where it is missing or null. */
static enum err find(json_object *obj, const char *name, json_object **member, struct errmsg *em)
{
	*member = NULL;
	if (!json_object_is_type(obj, json_type_object))
		return err_set(em, ERR_PARSE, "not an object where member \"%s\" was looked for", name);
	(void)json_object_object_get_ex(obj, name, member);
	return OK;
}

static enum err find_typed(json_object *obj, const char *name, enum json_type type, json_object **member,
			   struct errmsg *em)
{
	enum err e = find(obj, name, member, em);
	if (e != OK || !*member)
		return e;
	if (!json_object_is_type(*member, type))
		return err_set(em, ERR_PARSE, "member \"%s\" is not of type %s", name, json_type_to_name(type));
	return OK;
}

static enum err missing(const char *name, struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "member \"%s\" is missing", name);
}

enum err json_get_string_opt(json_object *obj, const char *name, const char **out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = find_typed(obj, name, json_type_string, &member, em);
	if (e != OK || !member)
		return e;
	const char *text = json_object_get_string(member);
	if (strlen(text) != (size_t)json_object_get_string_len(member))
		return err_set(em, ERR_PARSE, "member \"%s\" holds a NUL", name);
	*out = text;
	return OK;
}

enum err json_get_string(json_object *obj, const char *name, const char **out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string_opt(obj, name, &text, em);
	if (e != OK)
		return e;
	if (!text)
		return missing(name, em);
	*out = text;
	return OK;
}

enum err json_get_int_opt(json_object *obj, const char *name, int64_t min, int64_t max, int64_t *out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = find_typed(obj, name, json_type_int, &member, em);
	if (e != OK || !member)
		return e;
	int64_t number = json_object_get_int64(member);
	/* json-c gives the nearest it can where a number is too large. */
	bool exact = number != INT64_MAX || json_object_get_uint64(member) == INT64_MAX;
	if (!exact || number < min || number > max)
		return err_set(em, ERR_PARSE, "member \"%s\" is not from %" PRId64 " to %" PRId64, name, min, max);
	*out = number;
	return OK;
}

enum err json_get_bool_opt(json_object *obj, const char *name, bool *out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = find_typed(obj, name, json_type_boolean, &member, em);
	if (e == OK && member)
		*out = json_object_get_boolean(member);
	return e;
}

enum err json_get_object_opt(json_object *obj, const char *name, json_object **out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = find_typed(obj, name, json_type_object, &member, em);
	if (e == OK && member)
		*out = member;
	return e;
}

enum err json_get_object(json_object *obj, const char *name, json_object **out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = json_get_object_opt(obj, name, &member, em);
	if (e != OK)
		return e;
	if (!member)
		return missing(name, em);
	*out = member;
	return OK;
}

enum err json_get_array_opt(json_object *obj, const char *name, json_object **out, struct errmsg *em)
{
	json_object *member = NULL;
	enum err e = find_typed(obj, name, json_type_array, &member, em);
	if (e == OK && member)
		*out = member;
	return e;
}

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

enum err json_only_members(json_object *obj, const char *const *names, struct errmsg *em)
{
	if (!json_object_is_type(obj, json_type_object))
		return err_set(em, ERR_PARSE, "not an object");
	json_object_object_foreach(obj, name, member)
	{
		(void)member;
		if (!is_among(name, names))
			return err_set(em, ERR_PARSE, "unknown member \"%.64s\"", name);
	}
	return OK;
}

bool json_add(json_object *to, const char *name, json_object *value)
{
	if (to && value && (name ? json_object_object_add(to, name, value) : json_object_array_add(to, value)) == 0)
		return true;
	json_object_put(value);
	return false;
}

bool json_add_text(json_object *to, const char *name, const char *text)
{
	return text && json_add(to, name, json_object_new_string(text));
}

char *json_text(json_object *obj)
{
	const char *text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? strdup(text) : NULL;
}
