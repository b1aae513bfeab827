#include "keywrap/secret_join.h"

enum err secret_join(struct secret_parts of, struct secret **out, struct errmsg *em)
{
	size_t len = 0;
	for (size_t i = 0; i < of.count; i++)
		if (__builtin_add_overflow(len, of.parts[i].len, &len))
			return err_set(em, ERR_LIMIT, "too much for one message");
	enum err e = secret_new(len, out, em);
	if (e != OK)
		return e;
	uint8_t *to = secret_data(*out);
	for (size_t i = 0; i < of.count; i++) {
		if (of.parts[i].len)
			memcpy(to, of.parts[i].data, of.parts[i].len);
		to += of.parts[i].len;
	}
	return OK;
}
