#pragma once
#include "common/bytes.h"

/* The pages under secret.h. Private to it.
 *
 * Small pieces share slabs, one size class a slab; a large piece has a mapping of its own and ends where its
 * guard page begins. A mapping is [header][guard][data ...][guard]: the header is ordinary memory, the data is locked,
 * not dumped and reads as zeros in a forked child. */

struct arena_piece {
	uint8_t *data; /* zeros when taken */
	size_t len; /* as asked for */
	struct slab *slab; /* the shared slab, or the piece's own */
	unsigned generation; /* the process it was taken in */
};

enum err arena_take(size_t len, struct arena_piece *out, struct errmsg *em) MUST_USE;
/* Wipes and gives back. In a forked child the parent's pieces are only forgotten. */
void arena_give(struct arena_piece *piece);
/* The piece keeps its place; what lies after `len` is wiped. */
void arena_shorten(struct arena_piece *piece, size_t len);

struct arena_state {
	bool locked;
	size_t bytes_in_use;
};
struct arena_state arena_state(void);
