#include "image/tree_stack.h"

#include "image/entry_attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Paths below are without links: only what stack_find() gave, or a name in a folder that it gave. */

static int open_at(int root, const char *path)
{
	return openat(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What attributes_take() leaves for last. */
static enum err acl_take(int fd, int from, struct errmsg *em)
{
	uint8_t acl[4096];
	ssize_t len = fgetxattr(from, DEFAULT_ACL, acl, sizeof acl);
	if (len < 0)
		return errno == ENODATA || errno == ENOTSUP ? OK : err_errno(em, ERR_IO, "a folder's access list");
	return fsetxattr(fd, DEFAULT_ACL, acl, (size_t)len, 0) == 0 ? OK
								    : err_errno(em, ERR_IO, "a folder's access list");
}

/* As it is in the layer below. */
static enum err folder_dress(const struct tree *t, const char *path, const struct stack_place *as, struct errmsg *em)
{
	const struct timespec times[2] = { as->st.st_atim, as->st.st_mtim };
	int fd = open_at(t->root, path);
	int from = open_at(t->stack->roots[as->layer], as->path);
	enum err e = fd >= 0 && from >= 0 ? attributes_take(fd, from, t->stack->unprivileged, em)
					  : err_errno(em, ERR_IO, "%.200s", path);
	if (e == OK)
		e = acl_take(fd, from, em);
	if (e == OK && (fchmod(fd, as->st.st_mode & 07777) != 0 || futimens(fd, times) != 0))
		e = err_errno(em, ERR_IO, "%.200s", path);
	if (from >= 0)
		close(from);
	if (fd >= 0)
		close(fd);
	return e;
}

/* The folder that was found comes to be in the uppermost layer, after those above it. */
static enum err folder_raise(const struct tree *t, const struct stack_place *found, struct errmsg *em)
{
	AUTO_STR
	char *upper = strdup(found->path);
	AUTO_STACK_PLACE above = { .path = NULL };
	if (!upper)
		return err_nomem(em, "a path");
	if (found->layer == t->stack->count - 1)
		return OK;
	char *slash = strrchr(upper, '/');
	*(slash ? slash : upper) = '\0';
	enum err e = stack_find(t->stack, upper, false, &above, em);
	if (e == OK)
		e = folder_raise(t, &above, em);
	if (e != OK)
		return e;
	int parent = open_at(t->root, upper);
	if (parent < 0 || tree_folder_add(parent, found->path + (slash ? slash - upper + 1 : 0)) != 0)
		e = err_errno(em, ERR_IO, "%.200s", found->path);
	if (parent >= 0)
		close(parent);
	return e == OK ? folder_dress(t, found->path, found, em) : e;
}

/* What `folder` has no entry of, or one that hides what was below. */
static enum err folder_new(const struct tree *t, int folder, const char *leaf, struct errmsg *em)
{
	struct stat st;
	bool hidden = fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 && stack_is_whiteout(&st);
	if ((hidden && unlinkat(folder, leaf, 0) != 0) || tree_folder_add(folder, leaf) != 0)
		return err_errno(em, errno == EEXIST ? ERR_PARSE : ERR_IO, "%.200s", leaf);
	if (!hidden)
		return OK;
	int fd = open_at(folder, leaf);
	if (fd < 0)
		return err_errno(em, ERR_IO, "%.200s", leaf);
	enum err e = tree_stack_opaque(t, fd, em);
	close(fd);
	return e;
}

/* Nobody has it. */
static enum err folder_make(const struct tree *t, const char *path, struct errmsg *em)
{
	AUTO_STACK_PLACE link = { .path = NULL };
	AUTO_STR
	char *upper = strdup(path);
	int folder = -1;
	if (!upper)
		return err_nomem(em, "a path");
	if (stack_find(t->stack, path, false, &link, NULL) == OK)
		return err_set(em, ERR_PARSE, "%.200s leads nowhere", path);
	char *slash = strrchr(upper, '/');
	*(slash ? slash : upper) = '\0';
	enum err e = tree_stack_folder(t, upper, true, &folder, em);
	if (e != OK)
		return e;
	e = folder_new(t, folder, path + (slash ? slash - upper + 1 : 0), em);
	close(folder);
	return e;
}

static enum err open_found(const struct tree *t, const struct stack_place *found, bool make, int *out,
			   struct errmsg *em)
{
	if (!S_ISDIR(found->st.st_mode))
		return err_set(em, ERR_PARSE, "%.200s is no folder", found->path);
	if (!make && found->layer != t->stack->count - 1)
		return err_set(em, ERR_NOT_FOUND, "%.200s is not in this layer", found->path);
	enum err e = folder_raise(t, found, em);
	if (e != OK)
		return e;
	*out = open_at(t->root, found->path);
	return *out >= 0 ? OK : err_errno(em, ERR_IO, "%.200s", found->path);
}

enum err tree_stack_folder(const struct tree *t, const char *path, bool make, int *out, struct errmsg *em)
{
	AUTO_STACK_PLACE found = { .path = NULL };
	enum err e = stack_find(t->stack, path, true, &found, em);
	if (e == OK)
		return open_found(t, &found, make, out, em);
	if (e != ERR_NOT_FOUND || !make)
		return e;
	e = folder_make(t, path, em);
	if (e == OK)
		e = stack_find(t->stack, path, true, &found, em);
	return e == OK ? open_found(t, &found, true, out, em) : e;
}

enum err tree_stack_opaque(const struct tree *t, int fd, struct errmsg *em)
{
	const char *name = stack_opaque_name(t->stack);
	return fsetxattr(fd, name, "y", 1, 0) == 0 ? OK : err_errno(em, ERR_IO, "attribute %s", name);
}

enum err tree_stack_open_file(const struct tree *t, const char *path, int *out, struct errmsg *em)
{
	AUTO_STACK_PLACE found = { .path = NULL };
	enum err e = stack_find(t->stack, path, true, &found, em);
	if (e != OK)
		return e;
	if (!S_ISREG(found.st.st_mode))
		return err_set(em, ERR_PARSE, "%.200s is no file", path);
	*out = openat(t->stack->roots[found.layer], found.path,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return *out >= 0 ? OK : err_errno(em, ERR_IO, "%.200s", path);
}
