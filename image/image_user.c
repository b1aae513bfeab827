#include "image/image_user.h"

#include "common/stream.h"

#include <stdio.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 4 << 20, FIELDS_MAX = 7 };

/* One line of passwd(5) or group(5), cut at its colons in place. */
struct record {
	char *fields[FIELDS_MAX];
	size_t count;
};

static bool id_number(const char *text, uint32_t *out)
{
	uint64_t value = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > INT32_MAX) /* image runtimes take no more */
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

/* A file that is missing knows nobody. */
static enum err names_read(const struct tree *tree, const char *path, struct buf *out, struct errmsg *em)
{
	struct errmsg missing = { "" };
	int fd = -1;
	enum err e = tree_open_file(tree, path, &fd, &missing);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e != OK)
		return err_set(em, e, "%s", missing.text);
	AUTO(stream) *from = NULL;
	e = stream_from_fd(fd, &from, em);
	for (size_t got = 1; e == OK && got > 0;) {
		if (out->len > FILE_SIZE_MAX)
			return err_set(em, ERR_LIMIT, "%s: more than %d bytes", path, FILE_SIZE_MAX);
		e = buf_reserve(out, 65536, em);
		if (e == OK)
			e = stream_read(from, (struct stream_window){ out->data + out->len, 65535 }, &got, em);
		if (e == OK)
			out->len += got;
	}
	return e;
}

/* The next line that has fields: lines without a name, and NIS's "+", are nobody. */
static bool record_next(char **at, struct record *out)
{
	while (**at) {
		char *line = *at;
		size_t len = strcspn(line, "\n");
		*at = line + len + (line[len] == '\n');
		line[len] = '\0';
		*out = (struct record){ .count = 0 };
		for (char *field = line; field && out->count < FIELDS_MAX;) {
			out->fields[out->count++] = field;
			field = strchr(field, ':');
			if (field)
				*field++ = '\0';
		}
		if (out->count >= 4 && line[0] && line[0] != '+' && line[0] != '-' && line[0] != '#')
			return true;
	}
	return false;
}

static bool member_of(const char *members, const char *name)
{
	size_t len = strlen(name);
	while (*members) {
		size_t one = strcspn(members, ",");
		if (one == len && memcmp(members, name, len) == 0)
			return true;
		members += one + (members[one] == ',');
	}
	return false;
}

/* The user by name, else by number. *name: of the line that was found, malloc'd; NULL: a number that has none. */
static enum err user_find(const struct tree *tree, const char *wanted, struct image_user *out, char **name,
			  struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	struct record r;
	uint32_t number = 0;
	bool numeric = id_number(wanted, &number);
	bool by_name = false;
	enum err e = names_read(tree, "etc/passwd", &text, em);
	char *at = e == OK ? buf_cstr(&text) : NULL;
	if (!at)
		return e == OK ? err_nomem(em, "/etc/passwd") : e;
	out->uid = number;
	while (!by_name && record_next(&at, &r)) {
		uint32_t uid = 0;
		uint32_t gid = 0;
		if (!id_number(r.fields[2], &uid) || !id_number(r.fields[3], &gid))
			continue;
		by_name = strcmp(r.fields[0], wanted) == 0;
		/* The first with the number, unless one has it for a name. */
		if (!by_name && (*name || !numeric || uid != number))
			continue;
		free(*name);
		*name = strdup(r.fields[0]);
		if (!*name)
			return err_nomem(em, "a name");
		out->uid = uid;
		out->gid = gid;
	}
	return numeric || by_name ? OK : err_set(em, ERR_PARSE, "its /etc/passwd has no user %.100s", wanted);
}

static enum err group_add(struct image_user *to, gid_t gid, struct errmsg *em)
{
	for (size_t i = 0; i < to->group_count; i++)
		if (to->groups[i] == gid)
			return OK;
	if (to->group_count == IMAGE_GROUPS_MAX)
		return err_set(em, ERR_LIMIT, "its user is in more than %d groups", IMAGE_GROUPS_MAX);
	to->groups[to->group_count++] = gid;
	return OK;
}

/* The group that is wanted, or, where none is, all that have the user for a member. */
static enum err groups_find(const struct tree *tree, const char *wanted, const char *user, struct image_user *out,
			    struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	struct record r;
	uint32_t gid = 0;
	bool found = wanted && id_number(wanted, &out->gid);
	enum err e = names_read(tree, "etc/group", &text, em);
	char *at = e == OK ? buf_cstr(&text) : NULL;
	if (!at)
		return e == OK ? err_nomem(em, "/etc/group") : e;
	while (e == OK && record_next(&at, &r)) {
		if (!id_number(r.fields[2], &gid))
			continue;
		if (wanted && strcmp(r.fields[0], wanted) == 0) {
			out->gid = gid;
			return OK;
		}
		if (!wanted && user && member_of(r.fields[3], user))
			e = group_add(out, gid, em);
	}
	if (e == OK && wanted && !found)
		return err_set(em, ERR_PARSE, "its /etc/group has no group %.100s", wanted);
	return e;
}

enum err image_user_resolve(const struct tree *tree, const char *text, struct image_user *out, struct errmsg *em)
{
	AUTO_STR
	char *user = strdup(text);
	AUTO_STR
	char *name = NULL;
	*out = (struct image_user){ 0 };
	if (!user)
		return err_nomem(em, "a user");
	char *group = strchr(user, ':');
	if (group)
		*group++ = '\0';
	if (group && !*group)
		group = NULL;
	enum err e = user_find(tree, *user ? user : "0", out, &name, em);
	return e == OK ? groups_find(tree, group, name, out, em) : e;
}
