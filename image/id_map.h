#pragma once
#include "common/bytes.h"

#include <sys/types.h>

/* What ids a user namespace of the caller's can have: himself as 0, and from 1 on those that subuid(5) and subgid(5)
 * lend him. */
struct id_map {
	uint32_t own;
	uint32_t first, count; /* lent; count 0: none */
};

enum id_kind { ID_USER, ID_GROUP };

/* A file that cannot be read, or makes no sense, lends nothing. */
struct id_map id_map_own(enum id_kind kind);
/* The first range that `text`, of subuid(5), lends to a user by name (or NULL) or number. */
void id_map_lend(struct id_map *map, struct bytes text, const char *name, uid_t uid);

/* Whether this process has all ids: its root is not that of a user namespace, whom the kernel refuses devices and some
 * attributes. True where /proc does not say. */
bool id_map_is_whole(void);

static inline bool id_map_has(const struct id_map *map, uint32_t id)
{
	return id == 0 || id - 1 < map->count;
}
