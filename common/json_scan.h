#pragma once
#include "common/base64.h"

/* Reads secrets out of JSON in place, without a copy on any heap but the arena's. Strict RFC 8259,
 * depth at most 16, duplicate members refused. Errors name positions and members asked for, never contents. */

/* Validates the whole of `text` as one JSON value. */
enum err json_scan_valid(struct bytes text, struct errmsg *em) MUST_USE;

/* The raw value (a string with its quotes) of a member of the object `text`. `path` names members
 * separated by `.`: "cipheroptions.nonce". With `any_case` names match as Go matches them;
 * one name in two spellings is then ERR_PARSE, since readers differ on which counts.
 * Missing: ERR_NOT_FOUND. Malformed anywhere in `text`, or no object on the way: ERR_PARSE. raw: borrowed from `text`.
 */
struct json_scan_path {
	const char *path;
	bool any_case;
};
enum err json_scan_member(struct bytes text, struct json_scan_path where, struct bytes *raw,
			  struct errmsg *em) MUST_USE;

/* Calls `each` with the name (without quotes, still escaped) and the raw value of each member of the object `text`.
 * ERR_PARSE: malformed, or no object. */
enum err json_scan_each(struct bytes text, void (*each)(void *ctx, struct bytes name, struct bytes value), void *ctx,
			struct errmsg *em) MUST_USE;

/* A raw string value, unescaped (a NUL may be in it) / base64-decoded into the arena. Not a string: ERR_PARSE. */
enum err json_scan_string(struct bytes raw, struct secret **out, struct errmsg *em) MUST_USE;
enum err json_scan_base64(struct bytes raw, enum base64_kind kind, struct secret **out, struct errmsg *em) MUST_USE;
