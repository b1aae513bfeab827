#include "image/id_map.h"

#include "common/file.h"
#include "common/once.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

enum { SUBID_SIZE_MAX = 1 << 20 };

static bool part_next(struct bytes *line, uint64_t *out)
{
	size_t i = 0;
	*out = 0;
	for (; i < line->len && line->data[i] != ':'; i++) {
		if (line->data[i] < '0' || line->data[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(line->data[i] - '0');
		if (*out > UINT32_MAX)
			return false;
	}
	bool more = i < line->len;
	bool any = i > 0;
	line->data += i + more;
	line->len -= i + more;
	return any;
}

static bool line_take(struct id_map *map, struct bytes line, const char *name, uid_t uid)
{
	char number[16];
	uint64_t first = 0;
	uint64_t count = 0;
	const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
	size_t len = colon ? (size_t)(colon - line.data) : 0;
	snprintf(number, sizeof number, "%u", uid);
	bool ours = len > 0 && ((name && bytes_equal((struct bytes){ line.data, len }, bytes_str(name))) ||
				bytes_equal((struct bytes){ line.data, len }, bytes_str(number)));
	if (!ours)
		return false;
	line = (struct bytes){ colon + 1, line.len - len - 1 };
	if (!part_next(&line, &first) || !part_next(&line, &count) || line.len > 0 || count == 0 || first == 0 ||
	    first + count > UINT32_MAX)
		return false;
	map->first = (uint32_t)first;
	map->count = (uint32_t)count;
	return true;
}

void id_map_lend(struct id_map *map, struct bytes text, const char *name, uid_t uid)
{
	bool found = false;
	while (text.len > 0 && !found) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end ? (size_t)(end - text.data) : text.len;
		found = line_take(map, (struct bytes){ text.data, len }, name, uid);
		len += end != NULL;
		text = (struct bytes){ text.data + len, text.len - len };
	}
}

struct id_map id_map_own(enum id_kind kind)
{
	AUTO_BUF
	text = { 0 };
	char names[4096];
	struct passwd entry;
	struct passwd *me = NULL;
	uid_t uid = geteuid();
	struct id_map map = { .own = kind == ID_USER ? uid : getegid() };
	if (getpwuid_r(uid, &entry, names, sizeof names, &me) != 0)
		me = NULL;
	if (file_read(kind == ID_USER ? "/etc/subuid" : "/etc/subgid", SUBID_SIZE_MAX, &text, NULL) == OK)
		id_map_lend(&map, buf_bytes(&text), me ? me->pw_name : NULL, uid);
	return map;
}

static bool whole;

/* user_namespaces(7): the first one's map is 0 0 4294967295. */
static bool whole_find(void)
{
	AUTO_BUF
	text = { 0 };
	unsigned inside = 0;
	unsigned outside = 0;
	unsigned count = 0;
	bool known = file_read("/proc/self/uid_map", SUBID_SIZE_MAX, &text, NULL) == OK &&
		     buf_append(&text, (struct bytes){ (const uint8_t *)"", 1 }, SUBID_SIZE_MAX + 1, NULL) == OK &&
		     sscanf((const char *)text.data, "%u %u %u", &inside, &outside, &count) == 3;
	whole = !known || (inside == 0 && outside == 0 && count == UINT32_MAX);
	return true;
}

bool id_map_is_whole(void)
{
	static struct once once = ONCE_INIT;
	(void)once_do(&once, whole_find);
	return whole;
}
