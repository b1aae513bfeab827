#include "image/path_set.h"

#include "common/fnv.h"

/* Whoever makes paths collide makes his own image slow to unpack; the number of entries is his choice, too. */
static size_t place_of(const struct path_set *s, const char *path)
{
	uint64_t hash = fnv64(bytes_str(path));
	size_t at = (size_t)(hash ^ hash >> 32) & (s->cap - 1);
	while (s->slots[at].path && strcmp(s->slots[at].path, path) != 0)
		at = (at + 1) & (s->cap - 1);
	return at;
}

static enum err grow(struct path_set *s, struct errmsg *em)
{
	struct path_set larger = { .cap = s->cap ? s->cap * 2 : 1024, .count = s->count };
	larger.slots = calloc(larger.cap, sizeof(*larger.slots));
	if (!larger.slots)
		return err_nomem(em, "paths");
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].path)
			larger.slots[place_of(&larger, s->slots[i].path)] = s->slots[i];
	free(s->slots);
	*s = larger;
	return OK;
}

enum err path_set_add(struct path_set *s, const char *path, struct errmsg *em)
{
	if (s->count * 2 >= s->cap) {
		enum err e = grow(s, em);
		if (e != OK)
			return e;
	}
	size_t at = place_of(s, path);
	if (s->slots[at].path)
		return OK;
	s->slots[at].path = strdup(path);
	if (!s->slots[at].path)
		return err_nomem(em, "paths");
	s->count++;
	return OK;
}

size_t *path_set_number(const struct path_set *s, const char *path)
{
	struct path_slot *slot = s->cap > 0 ? &s->slots[place_of(s, path)] : NULL;
	return slot && slot->path ? &slot->number : NULL;
}

bool path_set_has(const struct path_set *s, const char *path)
{
	return path_set_number(s, path) != NULL;
}

void path_set_clear(struct path_set *s)
{
	for (size_t i = 0; i < s->cap; i++)
		free(s->slots[i].path);
	free(s->slots);
	*s = (struct path_set){ .count = 0 };
}
