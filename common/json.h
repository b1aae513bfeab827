#pragma once
#include "common/bytes.h"

#include <json-c/json.h>

/* Bounded, strict JSON (RFC 8259) over json-c, for what is NOT secret: json-c's heap is not wiped.
 * Secrets in JSON go through json_scan.h. */
AUTO_OF_DEFINE(json_object, (void)json_object_put)

enum json_flags {
	JSON_STRICT = 0,
	JSON_COMMENTS = 1, /* configuration files: C and C++ comments */
};

/* Depth at most 32; valid UTF-8; duplicate members, lone surrogates, a NUL in a member's name, trailing data and NaN
 * are refused (ERR_PARSE, with the line), more than `max` bytes too (ERR_LIMIT). out: the caller's, json_object_put();
 * the value null is NULL. */
enum err json_parse(struct bytes text, size_t max, enum json_flags flags, json_object **out,
		    struct errmsg *em) MUST_USE;

/* Makes comments blanks in place, as JSON_COMMENTS does; lines keep their numbers. ERR_PARSE: one does not end. */
enum err json_comments_blank(struct buf *text, struct errmsg *em) MUST_USE;

/* Getters: borrowed from `obj`. A missing member, one of another type, a string with a NUL in it or an integer out of
 * range is ERR_PARSE, naming it.
 * The _opt ones leave *out alone (the default) where the member is missing or null. */
enum err json_get_string(json_object *obj, const char *name, const char **out, struct errmsg *em) MUST_USE;
enum err json_get_string_opt(json_object *obj, const char *name, const char **out, struct errmsg *em) MUST_USE;
enum err json_get_int_opt(json_object *obj, const char *name, int64_t min, int64_t max, int64_t *out,
			  struct errmsg *em) MUST_USE;
enum err json_get_bool_opt(json_object *obj, const char *name, bool *out, struct errmsg *em) MUST_USE;
enum err json_get_object(json_object *obj, const char *name, json_object **out, struct errmsg *em) MUST_USE;
enum err json_get_object_opt(json_object *obj, const char *name, json_object **out, struct errmsg *em) MUST_USE;
enum err json_get_array_opt(json_object *obj, const char *name, json_object **out, struct errmsg *em) MUST_USE;

/* Unknown members are ERR_PARSE, naming the first: `names` ends with NULL. */
enum err json_only_members(json_object *obj, const char *const *names, struct errmsg *em) MUST_USE;

/* Gives `value` to an object under `name`, or (name NULL) to an array; takes it in any case. False without memory,
 * which a NULL for either means as well: what was just made can be handed in as it is. */
bool json_add(json_object *to, const char *name, json_object *value);
/* The same of a text. */
bool json_add_text(json_object *to, const char *name, const char *text);

/* RFC 8785 (JCS). Strings, integers up to 2^53, booleans, null, arrays, objects; other numbers are
 * ERR_UNSUPPORTED. malloc'd C string. */
enum err json_canonical(json_object *obj, char **out, struct errmsg *em) MUST_USE;

/* Compact text in member order, `/` not escaped. malloc'd; NULL without memory. */
char *json_text(json_object *obj);
