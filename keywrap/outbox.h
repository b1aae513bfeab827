#pragma once
#include "common/secret.h"

/* What waits to be sent, in the arena. Zero-initialised = empty. */
struct outbox {
	struct secret *data;
	size_t from; /* sent so far */
	size_t to;
};
void outbox_clear(struct outbox *out);
struct bytes outbox_bytes(const struct outbox *out);
void outbox_sent(struct outbox *out, size_t n);

/* A buffer of OUTBOX_SIZE, made when it is first needed. */
#define OUTBOX_SIZE ((size_t)24 * 1024)
size_t outbox_room(const struct outbox *out);
/* No more than there is room for. ERR_NOMEM. */
enum err outbox_put(struct outbox *out, struct bytes what, struct errmsg *em) MUST_USE;
/* Takes a whole message, of any size. The outbox is empty. */
void outbox_give(struct outbox *out, struct secret *what);
