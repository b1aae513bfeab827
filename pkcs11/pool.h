#pragma once
#include "common/bytes.h"

/* Memory for what lives and dies together: many small pieces, no piece freed by itself. Zero-initialised = empty. */
struct pool {
	struct pool_chunk *chunks; /* the newest first */
};

/* `size` zero bytes, aligned for anything; NULL without memory. */
void *pool_take(struct pool *pool, size_t size);
/* A copy with a NUL behind it. */
char *pool_text(struct pool *pool, struct bytes text);
void pool_clear(struct pool *pool);
