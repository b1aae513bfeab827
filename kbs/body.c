#include "kbs/body.h"

#define FIRST ((size_t)4096)

void body_clear(struct body *b)
{
	buf_clear(&b->plain);
	secret_free(b->secret);
	b->secret = NULL;
}

enum err body_begin(struct body *b, size_t expected, struct errmsg *em)
{
	if (!b->is_secret)
		return OK;
	return secret_new(expected < b->max ? expected : b->max, &b->secret, em);
}

/* By doubling: a secret cannot be realloc'd, each move leaves a wiped block behind. */
static enum err secret_grow(struct body *b, size_t needed, struct errmsg *em)
{
	size_t cap = secret_len(b->secret);
	if (needed <= cap)
		return OK;
	cap = cap < FIRST ? FIRST : cap;
	while (cap < needed)
		cap *= 2;
	AUTO(secret) *larger = NULL;
	enum err e = secret_new(cap < b->max ? cap : b->max, &larger, em);
	if (e != OK)
		return e;
	if (b->len > 0)
		memcpy(secret_data(larger), secret_data(b->secret), b->len);
	secret_free(b->secret);
	b->secret = steal(&larger);
	return OK;
}

enum err body_add(struct body *b, struct bytes more, struct errmsg *em)
{
	enum err e = OK;
	if (more.len == 0)
		return OK;
	if (b->len > b->max || more.len > b->max - b->len) {
		body_clear(b);
		e = err_set(em, ERR_LIMIT, "a body of more than %zu bytes", b->max);
	} else if (b->is_secret) {
		e = secret_grow(b, b->len + more.len, em);
		if (e == OK)
			memcpy(secret_data(b->secret) + b->len, more.data, more.len);
	} else {
		e = buf_append(&b->plain, more, b->max, em);
	}
	b->len += more.len;
	return e;
}

void body_end(struct body *b)
{
	if (b->secret)
		secret_truncate(b->secret, b->len);
}
