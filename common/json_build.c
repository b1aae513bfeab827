#include "common/json_build.h"
#include "common/json_grammar.h"

/* json-c's own takes no NULL. */
static void tokener_free(json_tokener *tokener)
{
	if (tokener)
		json_tokener_free(tokener);
}
AUTO_OF_DEFINE(json_tokener, tokener_free)

/* How many values lie in others, by the text, which has passed the grammar. */
static size_t values_said(struct bytes text)
{
	size_t count = 0;
	bool opened = false, inside = false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		if (inside) {
			i += json_plain_run((struct bytes){ text.data + i, text.len - i });
			c = i < text.len ? text.data[i] : '"';
			i += c == '\\';
			inside = c != '"';
			continue;
		}
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		count += c == ',' || (opened && c != '}' && c != ']');
		opened = c == '{' || c == '[';
		inside = c == '"';
	}
	return count;
}

static size_t values_made(json_object *from)
{
	size_t count = 0;
	if (json_object_is_type(from, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(from); i++)
			count += 1 + values_made(json_object_array_get_idx(from, i));
	} else if (json_object_is_type(from, json_type_object)) {
		json_object_object_foreach(from, name, value)
		{
			(void)name;
			count += 1 + values_made(value);
		}
	}
	return count;
}

/* The text has passed the grammar already: what fails here is memory, or a limit of json-c's. */
enum err json_build(struct bytes text, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_tokener) *tokener = json_tokener_new_ex(JSON_DEPTH + 2);
	if (!tokener)
		return err_nomem(em, "JSON");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	if (text.len > INT32_MAX)
		return err_set(em, ERR_LIMIT, "more than %d bytes of JSON", INT32_MAX);
	json_object *made = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.len);
	/* A number at the end could go on: the NUL tells that it does not. */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		made = json_tokener_parse_ex(tokener, "", 1);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		json_object_put(made);
		return err_set(em, ERR_PARSE, "%s", json_tokener_error_desc(json_tokener_get_error(tokener)));
	}
	/* json-c 0.16 leaves out what it has no memory for, and calls that success: a member that forbids must not be
	 * lost. */
	if (values_made(made) != values_said(text)) {
		json_object_put(made);
		return err_nomem(em, "JSON");
	}
	*out = made;
	return OK;
}
