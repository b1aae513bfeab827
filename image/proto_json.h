#pragma once
#include "common/json.h"

/* Protocol Buffers as JSON, "JSON Mapping": numbers of 64 bits are texts, bytes are base64. */

/* Digits alone; false where they are none or too many. */
bool proto_decimal(struct bytes text, uint64_t *out);
/* A member: its text, or a number where the writer was not so careful. ERR_PARSE. */
enum err proto_number(json_object *json, const char *name, uint64_t *out, struct errmsg *em) MUST_USE;
enum err proto_bytes(json_object *json, const char *name, struct buf *out, struct errmsg *em) MUST_USE;
