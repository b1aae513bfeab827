#pragma once
#include "common/json.h"

/* The values of a text, private to json.c. Two files define it: json_build.c with json-c's parser, for all programs;
 * and json_value.c, which takes json-c's place in kbs-verify. */

enum { JSON_DEPTH = 32 };

/* `text` has passed json_grammar_check(). ERR_NOMEM, ERR_LIMIT; ERR_PARSE: a limit of json-c's. */
enum err json_build(struct bytes text, json_object **out, struct errmsg *em) MUST_USE;
