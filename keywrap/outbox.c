#include "keywrap/outbox.h"

void outbox_clear(struct outbox *out)
{
	secret_free(out->data);
	*out = (struct outbox){ .data = NULL };
}

struct bytes outbox_bytes(const struct outbox *out)
{
	return (struct bytes){ secret_bytes(out->data).data + out->from, out->to - out->from };
}

/* What was sent is not kept; nor is a buffer of an idle connection. */
void outbox_sent(struct outbox *out, size_t n)
{
	out->from += n;
	if (out->from == out->to)
		outbox_clear(out);
}

size_t outbox_room(const struct outbox *out)
{
	return out->data ? secret_len(out->data) - out->to : OUTBOX_SIZE;
}

enum err outbox_put(struct outbox *out, struct bytes what, struct errmsg *em)
{
	enum err e = out->data ? OK : secret_new(OUTBOX_SIZE, &out->data, em);
	if (e != OK)
		return e;
	if (what.len > outbox_room(out))
		return err_set(em, ERR_INTERNAL, "no room to send %zu bytes", what.len);
	if (what.len)
		memcpy(secret_data(out->data) + out->to, what.data, what.len);
	out->to += what.len;
	return OK;
}

void outbox_give(struct outbox *out, struct secret *what)
{
	outbox_clear(out);
	out->data = what;
	out->to = secret_len(what);
}
