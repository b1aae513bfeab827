#include "image/tree_stack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err folder_find(const struct tree *t, const char *path, struct stack_place *out, struct errmsg *em)
{
	const char *slash = strrchr(path, '/');
	AUTO_STR
	char *folder = strndup(path, slash ? (size_t)(slash - path) : 0);
	return folder ? stack_find(t->stack, folder, true, out, em) : err_nomem(em, "a path");
}

enum err tree_whiteout_needed(const struct tree *t, const char *path, bool *needed, struct errmsg *em)
{
	AUTO_STACK_PLACE folder = { .path = NULL };
	struct errmsg missing = { "" };
	const char *slash = strrchr(path, '/');
	const char *leaf = slash ? slash + 1 : path;
	*needed = false;
	enum err e = folder_find(t, path, &folder, &missing);
	if (e == ERR_NOT_FOUND)
		return OK;
	if (e == OK && !S_ISDIR(folder.st.st_mode))
		return err_set(em, ERR_PARSE, "%.200s is no folder", folder.path);
	if (e != OK)
		return err_set(em, e, "%s", missing.text);
	if (strcmp(leaf, WHITEOUT_OPAQUE) != 0)
		*needed = stack_shows_below(t->stack, &folder, leaf + strlen(WHITEOUT_PREFIX));
	else
		*needed = folder.live_count > 1 || folder.layer != t->stack->count - 1;
	return OK;
}

static enum err hide(const struct tree *t, int folder, const char *name, struct errmsg *em)
{
	struct stat st;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT && mknodat(folder, name, S_IFCHR, 0) == 0)
			return OK;
		return err_errno(em, errno == EPERM ? ERR_UNSUPPORTED : ERR_IO,
				 "making a whiteout of %.200s, which Linux 5.8 lets everybody do", name);
	}
	if (!S_ISDIR(st.st_mode))
		return OK;
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_IO, "%.200s", name);
	enum err e = tree_stack_opaque(t, fd, em);
	close(fd);
	return e;
}

/* Roots are merged whatever attributes they have: each name is hidden. */
static enum err layer_hide(const struct tree *t, const struct stack_place *root, size_t layer, struct errmsg *em)
{
	int copy = openat(t->stack->roots[layer], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	enum err e = OK;
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return err_errno(em, ERR_IO, "a layer");
	}
	for (const struct dirent *entry = readdir(dir); entry && e == OK; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    stack_shows_below(t->stack, root, entry->d_name))
			e = hide(t, t->root, entry->d_name, em);
	closedir(dir);
	return e;
}

static enum err root_hide(const struct tree *t, struct errmsg *em)
{
	AUTO_STACK_PLACE root = { .path = NULL };
	enum err e = stack_find(t->stack, "", true, &root, em);
	for (size_t i = 0; i + 1 < t->stack->count && e == OK; i++)
		e = layer_hide(t, &root, i, em);
	return e;
}

enum err tree_whiteout_make(const struct tree *t, const char *path, struct tree_place at, struct errmsg *em)
{
	AUTO_STACK_PLACE folder = { .path = NULL };
	if (strcmp(at.leaf, WHITEOUT_OPAQUE) != 0)
		return hide(t, at.folder, at.leaf + strlen(WHITEOUT_PREFIX), em);
	enum err e = folder_find(t, path, &folder, em);
	if (e != OK)
		return e;
	return *folder.path ? tree_stack_opaque(t, at.folder, em) : root_hide(t, em);
}
