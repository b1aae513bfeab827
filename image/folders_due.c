#include "image/folders_due.h"

#include "image/entry_attributes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { ACL_SIZE_MAX = 64 << 10 };

struct folder_due {
	char *path;
	bool gone;
	dev_t device; /* which folder it was: by way of a link the name may come to mean another */
	ino_t inode;
	bool named; /* by an entry */
	mode_t mode;
	struct timespec mtime;
	struct buf acl;
};

void folders_due_clear(struct folders_due *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->items[i].path);
		buf_clear(&d->items[i].acl);
	}
	free(d->items);
	path_set_clear(&d->paths);
	*d = (struct folders_due){ .count = 0 };
}

static enum err item_new(struct folders_due *d, const char *path, struct folder_due **out, struct errmsg *em)
{
	if (d->count == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 256;
		struct folder_due *grown = reallocarray(d->items, cap, sizeof(*grown));
		if (!grown)
			return err_nomem(em, "folders");
		d->items = grown;
		d->cap = cap;
	}
	enum err e = path_set_add(&d->paths, path, em);
	if (e != OK)
		return e;
	*out = &d->items[d->count];
	**out = (struct folder_due){ .path = strdup(path) };
	if (!(*out)->path)
		return err_nomem(em, "folders");
	*path_set_number(&d->paths, path) = ++d->count;
	return OK;
}

/* The item of that path, new or not. */
static enum err item_of(struct folders_due *d, const char *path, struct folder_due **out, struct errmsg *em)
{
	const size_t *number = path_set_number(&d->paths, path);
	if (!number || *number == 0)
		return item_new(d, path, out, em);
	*out = &d->items[*number - 1];
	return OK;
}

enum err folders_due_entry(struct folders_due *d, const char *path, int fd, const struct tar_entry *entry,
			   struct errmsg *em)
{
	struct folder_due *item;
	struct stat st;
	enum err e = item_of(d, path, &item, em);
	if (e != OK)
		return e;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "a folder");
	item->gone = false;
	item->device = st.st_dev;
	item->inode = st.st_ino;
	item->named = true;
	item->mode = entry->mode;
	item->mtime = entry->mtime;
	buf_clear(&item->acl);
	for (size_t i = 0; i < entry->xattr_count && e == OK; i++)
		if (strcmp(entry->xattrs[i].name, DEFAULT_ACL) == 0)
			e = buf_append(&item->acl, buf_bytes(&entry->xattrs[i].value), ACL_SIZE_MAX, em);
	return e;
}

static bool is_of(const struct folder_due *due, const struct stat *st)
{
	return !due->gone && due->device == st->st_dev && due->inode == st->st_ino;
}

void folders_due_forget(struct folders_due *d, const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < d->count; i++) {
		const char *at = d->items[i].path;
		if (strncmp(at, path, len) == 0 && (at[len] == '\0' || at[len] == '/'))
			d->items[i].gone = true;
	}
}

static enum err acl_take(int fd, struct buf *to, struct errmsg *em)
{
	uint8_t acl[4096];
	ssize_t len = fgetxattr(fd, DEFAULT_ACL, acl, sizeof acl);
	if (len < 0)
		return errno == ENODATA || errno == ENOTSUP ? OK : err_errno(em, ERR_IO, "a folder's access list");
	if (fremovexattr(fd, DEFAULT_ACL) != 0)
		return err_errno(em, ERR_IO, "a folder's access list");
	return buf_append(to, (struct bytes){ acl, (size_t)len }, 0, em);
}

enum err folders_due_keep(struct folders_due *d, const char *path, int fd, bool unprivileged, struct errmsg *em)
{
	const size_t *number = path_set_number(&d->paths, path);
	struct folder_due *item;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "a folder");
	if (number && *number > 0 && is_of(&d->items[*number - 1], &st))
		return OK;
	enum err e = item_of(d, path, &item, em);
	if (e != OK)
		return e;
	item->gone = false;
	item->device = st.st_dev;
	item->inode = st.st_ino;
	item->named = false;
	item->mode = st.st_mode & 07777;
	item->mtime = st.st_mtim;
	buf_clear(&item->acl);
	if (unprivileged && (st.st_mode & 0700) != 0700 && fchmod(fd, (st.st_mode & 07777) | 0700) != 0)
		return err_errno(em, ERR_IO, "changing a folder's mode");
	return acl_take(fd, &item->acl, em);
}

static struct folder_due *item_find(const struct folders_due *d, const char *path)
{
	const size_t *number = path_set_number(&d->paths, path);
	return number && *number > 0 ? &d->items[*number - 1] : NULL;
}

bool folders_due_named(const struct folders_due *d, const char *path, int fd)
{
	const struct folder_due *item = item_find(d, path);
	struct stat st;
	return item && item->named && fstat(fd, &st) == 0 && is_of(item, &st);
}

enum err folders_due_move(struct folders_due *d, const char *path, int fd, struct errmsg *em)
{
	struct folder_due *item = item_find(d, path);
	struct stat st;
	if (!item || fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "a folder");
	item->device = st.st_dev;
	item->inode = st.st_ino;
	return OK;
}

enum err folders_due_join(struct folders_due *d, struct folders_due *from, struct errmsg *em)
{
	for (size_t i = 0; i < from->count; i++) {
		struct folder_due *item = item_find(d, from->items[i].path);
		if (item && !item->gone && !from->items[i].named)
			continue;
		enum err e = item ? OK : item_new(d, from->items[i].path, &item, em);
		if (e != OK)
			return e;
		char *path = item->path;
		buf_clear(&item->acl);
		*item = from->items[i];
		item->path = path;
		from->items[i].acl = (struct buf){ 0 };
	}
	return OK;
}

/* Found as it was when it was due: maybe through a link. */
static enum err settle(const struct folder_due *due, struct tree *tree, struct errmsg *em)
{
	struct tree_place at = { tree->root, NULL };
	const struct timespec times[2] = { due->mtime, due->mtime };
	struct errmsg missing = { "" };
	struct stat st;
	AUTO_STR
	char *inside = NULL;
	if (asprintf(&inside, "%s/.", due->path) < 0) {
		inside = NULL;
		return err_nomem(em, "a path");
	}
	enum err e = *due->path ? tree_place(tree, inside, false, &at, &missing) : OK;
	if (e == ERR_NOT_FOUND || e == ERR_PARSE)
		return OK; /* the same layer took it away again */
	if (e != OK)
		return err_set(em, e, "%s", missing.text);
	if (fstat(at.folder, &st) != 0)
		return err_errno(em, ERR_IO, "%.200s", due->path);
	if (!is_of(due, &st))
		return OK; /* another one */
	if ((due->acl.len > 0 && fsetxattr(at.folder, DEFAULT_ACL, due->acl.data, due->acl.len, 0) != 0 &&
	     errno != ENOTSUP) ||
	    fchmod(at.folder, due->mode) != 0 || futimens(at.folder, times) != 0)
		return err_errno(em, ERR_IO, "%.200s", due->path);
	return OK;
}

static int deeper_first(const void *a, const void *b)
{
	return strcmp(((const struct folder_due *)b)->path, ((const struct folder_due *)a)->path);
}

enum err folders_due_settle(struct folders_due *d, struct tree *tree, struct errmsg *em)
{
	enum err e = OK;
	/* A path is larger than those that it begins with: once its mode is set a folder may let nobody in. */
	if (d->count > 0)
		qsort(d->items, d->count, sizeof(*d->items), deeper_first);
	for (size_t i = 0; i < d->count && e == OK; i++)
		e = settle(&d->items[i], tree, em);
	return e;
}
