#include "common/secret.h"

#include "common/secret_arena.h"

#include <openssl/crypto.h>

struct secret {
	struct arena_piece piece;
};

enum err secret_new(size_t len, struct secret **out, struct errmsg *em)
{
	struct secret *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(em, ERR_NOMEM, "no memory");
	enum err e = arena_take(len, &s->piece, em);
	if (e != OK) {
		free(s);
		return e;
	}
	*out = s;
	return OK;
}

enum err secret_copy(struct bytes from, struct secret **out, struct errmsg *em)
{
	enum err e = secret_new(from.len, out, em);
	if (e == OK && from.len > 0)
		memcpy((*out)->piece.data, from.data, from.len);
	return e;
}

uint8_t *secret_data(struct secret *s)
{
	return s->piece.data;
}

size_t secret_len(const struct secret *s)
{
	return s->piece.len;
}

struct bytes secret_bytes(const struct secret *s)
{
	return s ? (struct bytes){ s->piece.data, s->piece.len } : (struct bytes){ 0 };
}

void secret_truncate(struct secret *s, size_t len)
{
	arena_shorten(&s->piece, len);
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	arena_give(&s->piece);
	free(s);
}

void secret_wipe(void *memory, size_t len)
{
	OPENSSL_cleanse(memory, len);
}

struct secret_arena_state secret_arena_state(void)
{
	struct arena_state now = arena_state();
	if (now.bytes_in_use > 0)
		return (struct secret_arena_state){ now.locked, now.bytes_in_use };
	/* Nothing may have been tried yet: try, so that the answer is about this machine. */
	AUTO(secret) *probe = NULL;
	bool works = secret_new(1, &probe, NULL) == OK;
	return (struct secret_arena_state){ .locked = works && arena_state().locked };
}
