#include "image/layer_merge.h"

#include "image/entry_attributes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 512 };

/* A folder of the layer's. */
struct place {
	const struct merge *merge;
	int folder;
	const char *path;
	unsigned depth;
};

static enum err folder_merge(const struct place *p, struct errmsg *em);

static enum err name_move(const struct place *p, const char *name, struct tree_place to, struct errmsg *em)
{
	if (renameat(p->folder, name, to.folder, to.leaf) == 0)
		return OK;
	if (errno != EISDIR && errno != ENOTDIR)
		return err_errno(em, ERR_IO, "%.200s", name);
	enum err e = tree_remove(to.folder, to.leaf, em);
	if (e == OK && renameat(p->folder, name, to.folder, to.leaf) != 0)
		e = err_errno(em, ERR_IO, "%.200s", name);
	return e;
}

/* The folder below, `fd`, gets what the archive says of it, or keeps what it has. */
static enum err folder_dress(const struct place *p, int fd, struct errmsg *em)
{
	const struct merge *m = p->merge;
	struct stat st;
	if (!folders_due_named(m->own, p->path, p->folder))
		return folders_due_keep(m->below, p->path, fd, m->unprivileged, em);
	enum err e = attributes_take(fd, p->folder, m->unprivileged, em);
	/* Whoever unpacks must be able to fill it. */
	if (e == OK && (fstat(p->folder, &st) != 0 || fchmod(fd, st.st_mode & 07777) != 0))
		e = err_errno(em, ERR_IO, "changing its mode");
	return e == OK ? folders_due_move(m->own, p->path, fd, em) : e;
}

/* The folder that the link below leads to keeps what it has. */
static enum err linked_keep(const struct place *p, struct errmsg *em)
{
	const struct merge *m = p->merge;
	struct tree_place at;
	AUTO_STR
	char *inside = NULL;
	if (asprintf(&inside, "%s/.", p->path) < 0) {
		inside = NULL;
		return err_nomem(em, "a path");
	}
	enum err e = tree_place(m->onto, inside, false, &at, em);
	if (e == ERR_NOT_FOUND)
		return err_set(em, ERR_PARSE, "%.200s: a link leads nowhere", p->path);
	return e == OK ? folders_due_keep(m->below, p->path, at.folder, m->unprivileged, em) : e;
}

/* Both have it, or below there is a link to one. */
static enum err folder_join(const struct place *p, const char *path, struct tree_place below, struct errmsg *em)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	AUTO_FD
	int folder = openat(p->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return err_errno(em, ERR_IO, "%.200s", path);
	const struct place inner = { .merge = p->merge, .folder = folder, .path = path, .depth = p->depth + 1 };
	if (inner.depth > DEPTH_MAX)
		return err_set(em, ERR_LIMIT, "folders more than %d deep", DEPTH_MAX);
	AUTO_FD
	int fd = openat(below.folder, below.leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	enum err e = fd >= 0 ? folder_dress(&inner, fd, em) : linked_keep(&inner, em);
	if (e == OK)
		e = folder_merge(&inner, em);
	/* Nothing was forgotten in it. */
	if (e == OK && unlinkat(p->folder, name, AT_REMOVEDIR) != 0)
		e = err_errno(em, ERR_IO, "%.200s", path);
	return e;
}

static bool is_named(const struct place *p, const char *name, const char *path)
{
	int fd = openat(p->folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool named = fd >= 0 && folders_due_named(p->merge->own, path, fd);
	if (fd >= 0)
		close(fd);
	return named;
}

static enum err entry_merge(const struct place *p, const char *name, const char *path, struct errmsg *em)
{
	struct stat own;
	struct stat below;
	struct tree_place to;
	enum err e = tree_place(p->merge->onto, path, false, &to, em);
	if (e != OK)
		return e == ERR_NOT_FOUND ? err_set(em, ERR_PARSE, "%.200s: a link leads nowhere", path) : e;
	if (fstatat(p->folder, name, &own, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(em, ERR_IO, "%.200s", path);
	bool taken = fstatat(to.folder, to.leaf, &below, AT_SYMLINK_NOFOLLOW) == 0;
	if (!taken && errno != ENOENT)
		return err_errno(em, ERR_IO, "%.200s", path);
	bool folder = S_ISDIR(own.st_mode);
	if (taken && folder && S_ISDIR(below.st_mode))
		return folder_join(p, path, to, em);
	bool named = folder && is_named(p, name, path);
	if (taken && folder && !named && S_ISLNK(below.st_mode))
		return folder_join(p, path, to, em);
	if (taken && folder && !named)
		return err_set(em, ERR_PARSE, "%.200s is no folder in the layers below", path);
	e = name_move(p, name, to, em);
	if (taken && !S_ISREG(below.st_mode))
		tree_forget(p->merge->onto);
	return e;
}

static enum err folder_merge(const struct place *p, struct errmsg *em)
{
	int copy = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	enum err e = OK;
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return err_errno(em, ERR_IO, "%.200s", p->path);
	}
	for (const struct dirent *entry = readdir(dir); entry && e == OK; entry = readdir(dir)) {
		AUTO_STR
		char *path = NULL;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&path, "%s%s%s", p->path, *p->path ? "/" : "", entry->d_name) < 0) {
			path = NULL;
			e = err_nomem(em, "a path");
		} else {
			e = entry_merge(p, entry->d_name, path, em);
		}
	}
	closedir(dir);
	return e;
}

enum err layer_merge(const struct merge *m, struct errmsg *em)
{
	const struct place root = { .merge = m, .folder = m->from, .path = "" };
	enum err e = folder_dress(&root, m->onto->root, em);
	if (e == OK)
		e = folder_merge(&root, em);
	tree_forget(m->onto);
	return e;
}
