#pragma once
#include "common/bytes.h"

/* The paths of one layer: an open hash table. Zero-initialised = empty. */
struct path_set {
	char **slots;
	size_t count, cap;
};
/* Copies. ERR_NOMEM. */
enum err path_set_add(struct path_set *s, const char *path, struct errmsg *em) MUST_USE;
bool path_set_has(const struct path_set *s, const char *path);
void path_set_clear(struct path_set *s);
