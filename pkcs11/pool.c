#include "pkcs11/pool.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 512, LARGEST_SIZE = 1 << 16 };

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, size;
	uint8_t data[];
};

static struct pool_chunk *grow(struct pool *pool, size_t needed)
{
	size_t size = pool->chunks ? 2 * pool->chunks->size : FIRST_SIZE;
	if (size > LARGEST_SIZE)
		size = LARGEST_SIZE;
	if (size < needed)
		size = needed;
	struct pool_chunk *chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	*chunk = (struct pool_chunk){ pool->chunks, 0, size };
	pool->chunks = chunk;
	return chunk;
}

static uint8_t *take(struct pool *pool, size_t size, size_t align)
{
	struct pool_chunk *chunk = pool->chunks;
	size_t from = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;
	if (!chunk || from > chunk->size || chunk->size - from < size) {
		chunk = grow(pool, size);
		from = 0;
	}
	if (!chunk)
		return NULL;
	chunk->used = from + size;
	return chunk->data + from;
}

_Static_assert(offsetof(struct pool_chunk, data) % sizeof(void *) == 0, "the first piece of a chunk is aligned");

void *pool_take(struct pool *pool, size_t size)
{
	void *piece = take(pool, size, sizeof(void *));
	return piece ? memset(piece, 0, size) : NULL;
}

char *pool_text(struct pool *pool, struct bytes text)
{
	uint8_t *piece = take(pool, text.len + 1, 1);
	if (!piece)
		return NULL;
	if (text.len)
		memcpy(piece, text.data, text.len);
	piece[text.len] = '\0';
	return (char *)piece;
}

void pool_clear(struct pool *pool)
{
	for (struct pool_chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	pool->chunks = NULL;
}
