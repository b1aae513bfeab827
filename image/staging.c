#include "image/staging.h"

#include "image/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK ".unpacking-"

static enum err target_check(const char *target, struct errmsg *em)
{
	DIR *dir = opendir(target);
	size_t count = 0;
	if (!dir && errno == ENOENT)
		return OK;
	if (!dir)
		return err_errno(em, errno == ENOTDIR ? ERR_EXISTS : ERR_IO, "%s", target);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count <= 2 ? OK : err_set(em, ERR_EXISTS, "%s: there is something in it", target);
}

/* The folder around the target, and the target's name in it. */
static enum err around_open(const char *target, int *folder, char **name, struct errmsg *em)
{
	AUTO_STR
	char *path = strdup(target);
	size_t len = path ? strlen(path) : 0;
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	char *slash = path ? strrchr(path, '/') : NULL;
	*name = path ? strdup(slash ? slash + 1 : path) : NULL;
	if (!*name)
		return err_nomem(em, "a path");
	if (slash)
		slash[slash == path] = '\0';
	*folder = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *folder >= 0 ? OK : err_errno(em, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", slash ? path : ".");
}

static bool left_behind(int around, const char *name)
{
	int fd = openat(around, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return false;
	bool dead = fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
	close(fd);
	return dead;
}

static enum err others_remove(int around, const char *name, struct errmsg *em)
{
	int fd = openat(around, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t len = strlen(name);
	enum err e = OK;
	if (!dir)
		return err_errno(em, ERR_IO, "the folder around %s", name);
	for (const struct dirent *entry = readdir(dir); entry && e == OK; entry = readdir(dir))
		if (strncmp(entry->d_name, name, len) == 0 && strncmp(entry->d_name + len, MARK, strlen(MARK)) == 0 &&
		    left_behind(around, entry->d_name))
			e = tree_remove(around, entry->d_name, em);
	closedir(dir);
	return e;
}

enum err staging_open(const char *target, struct staging *out, struct errmsg *em)
{
	AUTO_STR
	char *name = NULL;
	int around = -1;
	*out = (struct staging){ .folder = -1, .target = strdup(target) };
	if (!out->target || asprintf(&out->path, "%s" MARK "XXXXXX", target) < 0) {
		out->path = NULL;
		return err_nomem(em, "a path");
	}
	enum err e = target_check(target, em);
	if (e == OK)
		e = around_open(target, &around, &name, em);
	if (e == OK)
		e = others_remove(around, name, em);
	if (around >= 0)
		close(around);
	if (e != OK) {
		free(out->path);
		out->path = NULL;
		return e;
	}
	if (!mkdtemp(out->path)) {
		e = err_errno(em, ERR_IO, "%s", out->path);
		free(out->path);
		out->path = NULL;
		return e;
	}
	out->folder = open(out->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->folder < 0 || flock(out->folder, LOCK_EX | LOCK_NB) != 0)
		return err_errno(em, ERR_IO, "%s", out->path);
	return OK;
}

/* Whoever is not root moves a folder elsewhere only if he may write to it: its ".." changes. */
static int inner_move(const struct staging *s, const char *inner)
{
	struct stat st;
	if (renameat(s->folder, inner, AT_FDCWD, s->target) == 0)
		return 0;
	if (errno != EACCES || fstatat(s->folder, inner, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fchmodat(s->folder, inner, 0700, 0) != 0 || renameat(s->folder, inner, AT_FDCWD, s->target) != 0)
		return -1;
	return chmod(s->target, st.st_mode & 07777);
}

/* rename() takes the place of an empty folder, and of nothing else. */
enum err staging_publish(struct staging *s, const char *inner, struct errmsg *em)
{
	if ((inner ? inner_move(s, inner) : rename(s->path, s->target)) != 0)
		return err_errno(em, errno == ENOTEMPTY || errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s", s->target);
	if (inner)
		return OK; /* what is around it goes when we close */
	free(s->path);
	s->path = NULL;
	return OK;
}

void staging_close(struct staging *s)
{
	AUTO_STR
	char *name = NULL;
	int around = -1;
	if (s->path && around_open(s->path, &around, &name, NULL) == OK)
		(void)!tree_remove(around, name, NULL);
	if (around >= 0)
		close(around);
	if (s->folder >= 0)
		close(s->folder);
	free(s->path);
	free(s->target);
	*s = (struct staging){ .folder = -1 };
}
