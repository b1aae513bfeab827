#include "image/proto_json.h"

#include "common/base64.h"

#define DIGITS_MAX 18 /* fits 64 bits whatever they are */

bool proto_decimal(struct bytes text, uint64_t *out)
{
	uint64_t n = 0;
	if (text.len == 0 || text.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = n;
	return true;
}

enum err proto_number(json_object *json, const char *name, uint64_t *out, struct errmsg *em)
{
	json_object *value = json_object_object_get(json, name);
	int64_t number = 0;
	if (json_object_is_type(value, json_type_int)) {
		enum err e = json_get_int_opt(json, name, 0, INT64_MAX, &number, em);
		*out = (uint64_t)number;
		return e;
	}
	const char *text = NULL;
	enum err e = json_get_string(json, name, &text, em);
	if (e == OK && !proto_decimal(bytes_str(text), out))
		e = err_set(em, ERR_PARSE, "\"%s\" is no number", name);
	return e;
}

enum err proto_bytes(json_object *json, const char *name, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(json, name, &text, em);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(text), out, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}
