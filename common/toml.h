#pragma once
#include "common/json.h"

/* Strict TOML 1.0 of the kinds of values that configurations here have: strings of all four kinds, integers, booleans,
 * arrays, tables, arrays of tables, inline tables, dotted keys. Floats, dates and times are ERR_UNSUPPORTED.
 * For what is NOT secret. */

/* Depth at most 16; valid UTF-8; keys that stand there twice, tables that are defined twice, a NUL anywhere and
 * trailing text are refused (ERR_PARSE, with the line), more than `max` bytes too (ERR_LIMIT). out: an object, the
 * caller's. */
enum err toml_parse(struct bytes text, size_t max, json_object **out, struct errmsg *em) MUST_USE;
