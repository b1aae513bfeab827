#pragma once
#include "common/bytes.h"

/* The paths of one layer: an open hash table. Zero-initialised = empty. */
struct path_set {
	struct path_slot {
		char *path;
		size_t number; /* whatever its owner means by it; 0 at first */
	} * slots;
	size_t count, cap;
};
/* Copies. ERR_NOMEM. */
enum err path_set_add(struct path_set *s, const char *path, struct errmsg *em) MUST_USE;
/* NULL: it is not there. Until the next is added. */
size_t *path_set_number(const struct path_set *s, const char *path);
bool path_set_has(const struct path_set *s, const char *path);
void path_set_clear(struct path_set *s);
