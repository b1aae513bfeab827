#include "image/tree.h"

#include "image/tree_stack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REMOVE_DEPTH_MAX = 64 };

enum err tree_open(int root, struct tree *out, struct errmsg *em)
{
	*out = (struct tree){ .root = root, .parent = -1 };
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int probe = (int)syscall(SYS_openat2, root, ".", &how, sizeof how);
	if (probe < 0)
		return err_errno(em, errno == ENOSYS ? ERR_UNSUPPORTED : ERR_IO, "openat2, which Linux 5.6 has");
	close(probe);
	return OK;
}

void tree_forget(struct tree *t)
{
	if (t->parent >= 0)
		close(t->parent);
	free(t->parent_path);
	t->parent = -1;
	t->parent_path = NULL;
}

void tree_close(struct tree *t)
{
	tree_forget(t);
	if (t->root >= 0)
		close(t->root);
	t->root = -1;
}

enum err tree_path(const char *path, char **out, struct errmsg *em)
{
	AUTO_STR
	char *made = malloc(strlen(path) + 1);
	size_t len = 0;
	if (!made)
		return err_nomem(em, "a path");
	while (*path) {
		size_t part = strcspn(path, "/");
		if (part == 2 && path[0] == '.' && path[1] == '.')
			return err_set(em, ERR_PARSE, "a path that leads upwards");
		if (part > 0 && !(part == 1 && path[0] == '.')) {
			if (len > 0)
				made[len++] = '/';
			memcpy(made + len, path, part);
			len += part;
		}
		path += part + (path[part] == '/');
	}
	made[len] = '\0';
	*out = steal(&made);
	return OK;
}

static int inside_open(const struct tree *t, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_RDONLY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	if (t->no_links)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	int fd;
	do
		fd = (int)syscall(SYS_openat2, t->root, path[0] ? path : ".", &how, sizeof how);
	while (fd < 0 && errno == EAGAIN); /* a rename somewhere; openat2(2) */
	return fd;
}

static int folder_open(const struct tree *t, const char *path)
{
	return inside_open(t, path, O_DIRECTORY);
}

enum err tree_open_file(const struct tree *t, const char *path, int *out, struct errmsg *em)
{
	struct stat st;
	if (t->stack)
		return tree_stack_open_file(t, path, out, em);
	/* A name only: opening a device, or a FIFO, would do something. */
	int fd = inside_open(t, path, O_PATH);
	if (fd < 0)
		return err_errno(em,
				 errno == ENOENT                      ? ERR_NOT_FOUND
				 : errno == ENOTDIR || errno == ELOOP ? ERR_PARSE
								      : ERR_IO,
				 "%.200s", path);
	bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	close(fd);
	if (!regular)
		return err_set(em, ERR_PARSE, "%.200s is no file", path);
	*out = inside_open(t, path, O_NONBLOCK | O_NOCTTY);
	return *out >= 0 ? OK : err_errno(em, ERR_IO, "%.200s", path);
}

int tree_folder_add(int parent, const char *leaf)
{
	struct stat st;
	if (fstat(parent, &st) != 0)
		return -1;
	int made = mkdirat(parent, leaf, 0755);
	/* A folder of the caller's that he may not change: for a moment he may. */
	if (made != 0 && errno == EACCES && fchmod(parent, 0700) == 0) {
		made = mkdirat(parent, leaf, 0755);
		int saved = errno;
		(void)!fchmod(parent, st.st_mode & 07777);
		errno = saved;
	}
	if (made != 0)
		return -1;
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	/* Whatever the umask is: it is the image's folder. */
	return futimens(parent, times) == 0 ? fchmodat(parent, leaf, 0755, 0) : -1;
}

/* Like mkdir -p, one folder after the other, each found the same way. */
static int folders_make(const struct tree *t, const char *path)
{
	AUTO_STR
	char *upper = strdup(path);
	if (!upper)
		return -1;
	char *slash = strrchr(upper, '/');
	const char *leaf = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	const char *above = slash ? upper : "";
	int parent = folder_open(t, above);
	if (parent < 0 && errno == ENOENT && slash)
		parent = folders_make(t, above);
	if (parent < 0)
		return -1;
	int made = tree_folder_add(parent, leaf);
	int saved = errno;
	close(parent);
	errno = saved;
	return made == 0 || errno == EEXIST ? folder_open(t, path) : -1;
}

enum err tree_place(struct tree *t, const char *path, bool make, struct tree_place *out, struct errmsg *em)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	out->leaf = slash ? slash + 1 : path;
	if (t->parent >= 0 && strlen(t->parent_path) == len && memcmp(t->parent_path, path, len) == 0) {
		out->folder = t->parent;
		return OK;
	}
	tree_forget(t);
	t->parent_path = strndup(path, len);
	if (!t->parent_path)
		return err_nomem(em, "a path");
	if (t->stack) {
		enum err e = tree_stack_folder(t, t->parent_path, make, &t->parent, em);
		out->folder = t->parent;
		return e;
	}
	t->parent = folder_open(t, t->parent_path);
	if (t->parent < 0 && errno == ENOENT && make)
		t->parent = folders_make(t, t->parent_path);
	if (t->parent < 0) {
		/* Where folders are made, only a link that leads nowhere is not found. */
		enum err e = errno == ENOENT && !make                                                   ? ERR_NOT_FOUND
			     : errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EEXIST ? ERR_PARSE
													: ERR_IO;
		return err_errno(em, e, "%.200s", t->parent_path);
	}
	out->folder = t->parent;
	return OK;
}

/* One removal. What lies too deep is moved up beside what is being removed, and removed after it: descriptors and the
 * stack are bounded, whatever depth an archive made up. */
struct removal {
	int top;
	uint64_t mark; /* makes the names of what was moved up our own */
	unsigned aside;
};

static void aside_name(const struct removal *r, unsigned n, char to[64])
{
	snprintf(to, 64, ".kbs-image-%016llx-%u", (unsigned long long)r->mark, n);
}

static enum err aside_put(struct removal *r, int folder, const char *name, struct errmsg *em)
{
	char to[64];
	if (r->aside == 0 && getrandom(&r->mark, sizeof r->mark, 0) != sizeof r->mark)
		return err_errno(em, ERR_IO, "a random name");
	aside_name(r, r->aside, to);
	/* Whoever moves a folder changes its "..". */
	(void)!fchmodat(folder, name, 0700, 0);
	if (renameat2(folder, name, r->top, to, RENAME_NOREPLACE) != 0)
		return err_errno(em, ERR_IO, "%.200s", name);
	r->aside++;
	return OK;
}

static enum err remove_below(struct removal *r, int folder, const char *name, unsigned depth, struct errmsg *em);

static enum err contents_remove(struct removal *r, int folder, unsigned depth, struct errmsg *em)
{
	DIR *dir = fdopendir(folder);
	enum err e = OK;
	if (!dir) {
		close(folder);
		return err_errno(em, ERR_IO, "a folder");
	}
	for (const struct dirent *entry = readdir(dir); entry && e == OK; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = remove_below(r, dirfd(dir), entry->d_name, depth + 1, em);
	closedir(dir);
	return e;
}

static int folder_to_empty(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, 0) == 0)
		fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* A folder of the caller's that he may only read. */
	if (fd >= 0)
		(void)!fchmod(fd, 0700);
	return fd;
}

static enum err remove_below(struct removal *r, int folder, const char *name, unsigned depth, struct errmsg *em)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return OK;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(em, ERR_IO, "%.200s", name);
	if (unlinkat(folder, name, AT_REMOVEDIR) == 0)
		return OK;
	if (depth == REMOVE_DEPTH_MAX)
		return aside_put(r, folder, name, em);
	int inside = folder_to_empty(folder, name);
	if (inside < 0)
		return err_errno(em, ERR_IO, "%.200s", name);
	enum err e = contents_remove(r, inside, depth, em);
	if (e == OK && unlinkat(folder, name, AT_REMOVEDIR) != 0)
		e = err_errno(em, ERR_IO, "%.200s", name);
	return e;
}

enum err tree_remove(int folder, const char *name, struct errmsg *em)
{
	struct removal r = { .top = folder };
	enum err e = remove_below(&r, folder, name, 0, em);
	for (unsigned i = 0; i < r.aside && e == OK; i++) {
		char moved[64];
		aside_name(&r, i, moved);
		e = remove_below(&r, folder, moved, 0, em);
	}
	return e;
}
