#pragma once
#include "image/tar.h"

/* Where the bytes of a sparse file belong: GNU's own headers (type S), and PAX records GNU.sparse.*, formats 0.0, 0.1
 * and 1.0. GNU tar manual, "Storing Sparse Files". Private to tar.c, tar_header.c and their tests. */

enum { TAR_SEGMENTS_MAX = 1 << 18 };

/* What was said so far. Zero-initialised = nothing. */
struct tar_sparse {
	bool said; /* there was a record at all */
	bool own_type; /* 'S' */
	bool has_size, has_major, has_minor, has_blocks;
	uint64_t major, minor, blocks;
	int64_t size; /* of the whole file */
	char *name; /* the file's; the entry's own is a stand-in then */
	struct tar_map map;
};
void tar_sparse_clear(struct tar_sparse *s);
void tar_map_clear(struct tar_map *map);

/* "GNU.sparse.KEY=VALUE" */
enum err tar_sparse_record(struct tar_sparse *s, struct bytes key, struct bytes value, struct errmsg *em) MUST_USE;
/* GNU's own: the header itself, and the blocks that follow it while *more. */
enum err tar_sparse_header(struct tar_sparse *s, const uint8_t *block, bool *more, struct errmsg *em) MUST_USE;
enum err tar_sparse_more(struct tar_sparse *s, const uint8_t *block, bool *more, struct errmsg *em) MUST_USE;

/* Format 1.0: the map stands before the contents, a number a line, the first being how many segments follow. */
bool tar_sparse_is_before_contents(const struct tar_sparse *s);
struct tar_map_text {
	struct tar_map *map;
	uint64_t number, wanted; /* the line's so far; how many numbers shall come, once that is known */
	bool digits, counted;
};
/* Takes one more block. *done: nothing more follows. */
enum err tar_map_text_take(struct tar_map_text *t, const uint8_t *block, bool *done, struct errmsg *em) MUST_USE;

/* What is said must make a whole: ERR_PARSE, ERR_UNSUPPORTED. */
enum err tar_sparse_check(const struct tar_sparse *s, struct errmsg *em) MUST_USE;
/* Segments must follow each other, end within `size`, and be `stored` bytes together. */
enum err tar_map_check(const struct tar_map *map, int64_t size, int64_t stored, struct errmsg *em) MUST_USE;
