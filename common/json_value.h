#pragma once
#include "common/json_build.h"

/* What of json-c's functions kbs-verify calls, and nothing else: linked there in the place of json-c, whose headers
 * declare them and whose type of tables json_object_object_foreach() walks. It parses only what json_grammar.c has
 * passed. */

struct list {
	json_object **items;
	size_t len;
	size_t cap;
};

struct json_object {
	enum json_type type;
	unsigned references;
	union {
		bool yes;
		int64_t number;
		struct buf text; /* a string; a number that is no integer of 64 bits, as it was written */
		struct list list;
		struct lh_table members; /* head, tail and count of it */
	};
	uint64_t magnitude; /* of a number that is not negative */
	char *shown; /* what json_object_to_json_string_ext() gave out */
};

/* With one reference; NULL without memory. */
json_object *json_value_new(enum json_type type);
/* A string, or a number as it was written. */
json_object *json_value_text(enum json_type type, struct bytes text);
/* Takes the name, malloc'd, and the value, where it succeeds. The name must not be there yet. */
bool json_value_append(json_object *to, char *name, json_object *value);
