#include "image/tar_sparse.h"

#include "image/tar_header.h"

/* GNU's own header: where its pairs of numbers stand, and how many fit. */
enum { PAIR = 24, PAIRS_AT = 386, PAIRS = 4, MORE_AT = 482, SIZE_AT = 483, BLOCK_PAIRS = 21, BLOCK_MORE_AT = 504 };

void tar_map_clear(struct tar_map *map)
{
	free(map->segments);
	*map = (struct tar_map){ .count = 0 };
}

void tar_sparse_clear(struct tar_sparse *s)
{
	free(s->name);
	tar_map_clear(&s->map);
	*s = (struct tar_sparse){ .said = false };
}

/* Offsets and lengths come by turns. */
static enum err map_add(struct tar_map *map, uint64_t number, struct errmsg *em)
{
	if (map->half) {
		map->segments[map->count - 1].len = (int64_t)number;
		map->half = false;
		return OK;
	}
	if (map->count == TAR_SEGMENTS_MAX)
		return err_set(em, ERR_LIMIT, "a sparse file of more than %d segments", TAR_SEGMENTS_MAX);
	if (map->count == map->cap) {
		size_t cap = map->cap ? map->cap * 2 : 16;
		struct tar_segment *grown = reallocarray(map->segments, cap, sizeof(*grown));
		if (!grown)
			return err_nomem(em, "a sparse file");
		map->segments = grown;
		map->cap = cap;
	}
	map->segments[map->count++] = (struct tar_segment){ .at = (int64_t)number };
	map->half = true;
	return OK;
}

static enum err number_bad(struct errmsg *em)
{
	return err_set(em, ERR_PARSE, "a number in the map of a sparse file is none");
}

/* --- PAX --------------------------------------------------------------------------------------------------------- */

static enum err list_take(struct tar_map *map, struct bytes text, struct errmsg *em)
{
	uint64_t number = 0;
	while (text.len > 0) {
		const uint8_t *comma = memchr(text.data, ',', text.len);
		size_t len = comma ? (size_t)(comma - text.data) : text.len;
		if (!tar_decimal((struct bytes){ text.data, len }, INT64_MAX, &number) ||
		    (comma && len + 1 == text.len))
			return number_bad(em);
		enum err e = map_add(map, number, em);
		if (e != OK)
			return e;
		len += comma != NULL;
		text = (struct bytes){ text.data + len, text.len - len };
	}
	return OK;
}

static enum err name_take(struct tar_sparse *s, struct bytes value, struct errmsg *em)
{
	if (value.len == 0 || value.len > TAR_PATH_MAX || memchr(value.data, '\0', value.len))
		return err_set(em, ERR_PARSE, "the name of a sparse file is none");
	free(s->name);
	s->name = strndup((const char *)value.data, value.len);
	return s->name ? OK : err_nomem(em, "a path");
}

enum err tar_sparse_record(struct tar_sparse *s, struct bytes key, struct bytes value, struct errmsg *em)
{
	uint64_t number = 0;
	s->said = true;
	if (tar_key_is(key, "name"))
		return name_take(s, value, em);
	if (tar_key_is(key, "map"))
		return s->map.count > 0 ? err_set(em, ERR_PARSE, "two maps of one sparse file")
					: list_take(&s->map, value, em);
	if (!tar_decimal(value, INT64_MAX, &number))
		return number_bad(em);
	if (tar_key_is(key, "offset") || tar_key_is(key, "numbytes")) {
		if (s->map.half != tar_key_is(key, "numbytes"))
			return number_bad(em);
		return map_add(&s->map, number, em);
	}
	if (tar_key_is(key, "size") || tar_key_is(key, "realsize")) {
		s->has_size = true;
		s->size = (int64_t)number;
	} else if (tar_key_is(key, "major")) {
		s->has_major = true;
		s->major = number;
	} else if (tar_key_is(key, "minor")) {
		s->has_minor = true;
		s->minor = number;
	} else if (tar_key_is(key, "numblocks")) {
		s->has_blocks = true;
		s->blocks = number;
	} else {
		return err_set(em, ERR_UNSUPPORTED, "a sparse file with GNU.sparse.%.*s",
			       (int)(key.len < 40 ? key.len : 40), (const char *)key.data);
	}
	return OK;
}

bool tar_sparse_is_before_contents(const struct tar_sparse *s)
{
	return s->has_major && s->major == 1;
}

enum err tar_sparse_check(const struct tar_sparse *s, struct errmsg *em)
{
	bool versioned = s->has_major || s->has_minor;
	if (s->map.half)
		return number_bad(em);
	if (!s->has_size)
		return err_set(em, ERR_PARSE, "a sparse file that does not say its size");
	/* 0.0 and 0.1 may say so, or nothing. */
	if (versioned &&
	    !(s->has_major && s->has_minor && ((s->major == 0 && s->minor <= 1) || (s->major == 1 && s->minor == 0))))
		return err_set(em, ERR_UNSUPPORTED, "a sparse file of another format than 0.0, 0.1 and 1.0");
	if (s->own_type && (versioned || s->name || s->has_blocks))
		return err_set(em, ERR_PARSE, "a sparse file of two formats");
	if (tar_sparse_is_before_contents(s) && (s->map.count > 0 || s->has_blocks))
		return err_set(em, ERR_PARSE, "two maps of one sparse file");
	if (s->has_blocks && s->blocks != s->map.count)
		return err_set(em, ERR_PARSE, "a sparse file of other than the said number of segments");
	return OK;
}

/* --- GNU's own ---------------------------------------------------------------------------------------------------- */

/* Up to the first pair that begins with a NUL. */
static enum err pairs_take(struct tar_sparse *s, const uint8_t *block, struct tar_field pairs, struct errmsg *em)
{
	for (size_t at = pairs.at; at < pairs.at + pairs.len && block[at] != 0; at += PAIR) {
		int64_t offset = 0;
		int64_t len = 0;
		if (!tar_number(block, (struct tar_field){ at, PAIR / 2 }, &offset) ||
		    !tar_number(block, (struct tar_field){ at + PAIR / 2, PAIR / 2 }, &len) || offset < 0 || len < 0)
			return number_bad(em);
		enum err e = map_add(&s->map, (uint64_t)offset, em);
		if (e == OK)
			e = map_add(&s->map, (uint64_t)len, em);
		if (e != OK)
			return e;
	}
	return OK;
}

enum err tar_sparse_header(struct tar_sparse *s, const uint8_t *block, bool *more, struct errmsg *em)
{
	if (s->said)
		return err_set(em, ERR_PARSE, "a sparse file of two formats");
	s->said = s->own_type = s->has_size = true;
	if (!tar_number(block, (struct tar_field){ SIZE_AT, PAIR / 2 }, &s->size) || s->size < 0)
		return number_bad(em);
	*more = block[MORE_AT] != 0;
	return pairs_take(s, block, (struct tar_field){ PAIRS_AT, (size_t)PAIRS * PAIR }, em);
}

enum err tar_sparse_more(struct tar_sparse *s, const uint8_t *block, bool *more, struct errmsg *em)
{
	size_t before = s->map.count;
	*more = block[BLOCK_MORE_AT] != 0;
	enum err e = pairs_take(s, block, (struct tar_field){ 0, (size_t)BLOCK_PAIRS * PAIR }, em);
	/* So that the number of segments bounds that of blocks. */
	return e == OK && s->map.count == before ? number_bad(em) : e;
}

/* --- 1.0 ---------------------------------------------------------------------------------------------------------- */

static enum err line_end(struct tar_map_text *t, struct errmsg *em)
{
	uint64_t number = t->number;
	if (!t->digits)
		return number_bad(em);
	t->number = 0;
	t->digits = false;
	if (t->counted) {
		t->wanted--;
		return map_add(t->map, number, em);
	}
	if (number > TAR_SEGMENTS_MAX)
		return err_set(em, ERR_LIMIT, "a sparse file of more than %d segments", TAR_SEGMENTS_MAX);
	t->counted = true;
	t->wanted = 2 * number;
	return OK;
}

enum err tar_map_text_take(struct tar_map_text *t, const uint8_t *block, bool *done, struct errmsg *em)
{
	/* What is behind the last line fills its block. */
	for (size_t i = 0; i < TAR_BLOCK && !(t->counted && t->wanted == 0); i++) {
		unsigned digit = (unsigned)(block[i] - '0');
		if (block[i] == '\n') {
			enum err e = line_end(t, em);
			if (e != OK)
				return e;
			continue;
		}
		if (digit > 9 || t->number > ((uint64_t)INT64_MAX - digit) / 10)
			return number_bad(em);
		t->number = t->number * 10 + digit;
		t->digits = true;
	}
	*done = t->counted && t->wanted == 0;
	return OK;
}

/* --- what it must be -----------------------------------------------------------------------------------------------
 */

enum err tar_map_check(const struct tar_map *map, int64_t size, int64_t stored, struct errmsg *em)
{
	int64_t end = 0;
	int64_t sum = 0;
	for (size_t i = 0; i < map->count; i++) {
		const struct tar_segment *s = &map->segments[i];
		if (s->at < end || s->at > size || s->len > size - s->at)
			return err_set(em, ERR_PARSE,
				       "the segments of a sparse file overlap, go back, or end behind the file");
		/* GNU tar begins each segment with a block, others with what is next. */
		if (sum % TAR_BLOCK != 0 && s->len > 0)
			return err_set(em, ERR_UNSUPPORTED,
				       "a sparse file with a segment, not the last, that ends within a block");
		end = s->at + s->len;
		sum += s->len;
	}
	if (sum != stored)
		return err_set(em, ERR_PARSE, "a sparse file's segments are not what is stored of it");
	return OK;
}
