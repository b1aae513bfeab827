#include "common/http.h"

void http_response_clear(struct http_response *r)
{
	buf_clear(&r->body);
	buf_clear(&r->headers);
	r->status = 0;
}

char *http_response_header(const struct http_response *r, const char *name)
{
	if (!r->headers.len)
		return NULL;
	size_t name_len = strlen(name);
	const char *at = (const char *)r->headers.data;
	const char *end = at + r->headers.len;
	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		size_t len = feed ? (size_t)(feed - at) : (size_t)(end - at);
		if (len > name_len + 1 && memcmp(at, name, name_len) == 0 && memcmp(at + name_len, ": ", 2) == 0)
			return strndup(at + name_len + 2, len - name_len - 2);
		at += len + 1;
	}
	return NULL;
}
