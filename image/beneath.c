#include "image/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static bool is_link(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* For kernels and sandboxes without openat2(): one step at a time, none of them through a link. */
static int open_in_steps(struct beneath file, int flags, mode_t mode)
{
	AUTO_FD
	int at = -1;
	const char *rest = file.path;
	for (;;) {
		char name[256];
		size_t len = strcspn(rest, "/");
		if (len == 0 || len >= sizeof(name) || (rest[0] == '.' && (len == 1 || (len == 2 && rest[1] == '.')))) {
			errno = EXDEV;
			return -1;
		}
		memcpy(name, rest, len);
		name[len] = 0;
		int from = at >= 0 ? at : file.dir;
		if (rest[len] == 0)
			return openat(from, name, flags | O_NOFOLLOW, mode);
		int next = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0) {
			if (errno == ENOTDIR)
				errno = is_link(from, name) ? ELOOP : ENOTDIR;
			return -1;
		}
		if (at >= 0)
			close(at);
		at = next;
		rest += len + 1;
	}
}

enum err beneath_open(struct beneath file, int flags, mode_t mode, int *out, struct errmsg *em)
{
	flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct open_how how = {
		.flags = (unsigned)flags,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;
	do
		fd = (int)syscall(SYS_openat2, file.dir, file.path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_in_steps(file, flags, mode);
	if (fd >= 0) {
		*out = fd;
		return OK;
	}
	if (errno == ELOOP)
		return err_set(em, ERR_IO, "%s: a symbolic link is in the way", file.path);
	return err_errno(em, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s", file.path);
}

enum err beneath_open_file(struct beneath file, int *out, int64_t *size, struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	enum err e = beneath_open(file, O_RDONLY, 0, &fd, em);
	if (e != OK)
		return e;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "%s", file.path);
	if (!S_ISREG(st.st_mode))
		return err_set(em, ERR_IO, "%s: not a regular file", file.path);
	if (size)
		*size = st.st_size;
	*out = fd;
	fd = -1;
	return OK;
}

enum err beneath_read(struct beneath file, size_t max, struct buf *out, struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	int64_t size = 0;
	enum err e = beneath_open_file(file, &fd, &size, em);
	if (e != OK)
		return e;
	if ((uint64_t)size > max)
		return err_set(em, ERR_LIMIT, "%s: more than %zu bytes", file.path, max);
	for (size_t total = 0;;) {
		/* One more than there should be: the file may have grown. */
		e = buf_reserve(out, (size_t)size + 1, em);
		if (e != OK)
			return err_wrap(em, e, "%s", file.path);
		ssize_t got = read(fd, out->data + out->len, (size_t)size + 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(em, ERR_IO, "%s", file.path);
		if (got == 0)
			return OK;
		out->len += (size_t)got;
		total += (size_t)got;
		if (total > max)
			return err_set(em, ERR_LIMIT, "%s: more than %zu bytes", file.path, max);
	}
}

enum err beneath_parent(struct beneath file, int *out, const char **leaf, struct errmsg *em)
{
	const char *slash = strrchr(file.path, '/');
	*leaf = slash ? slash + 1 : file.path;
	if (!slash) {
		*out = fcntl(file.dir, F_DUPFD_CLOEXEC, 0);
		return *out >= 0 ? OK : err_errno(em, ERR_IO, "%s", file.path);
	}
	AUTO_STR
	char *folder = strndup(file.path, (size_t)(slash - file.path));
	if (!folder)
		return err_set(em, ERR_NOMEM, "no memory");
	/* Not O_PATH: the folder is fsynced after a change. */
	return beneath_open((struct beneath){ file.dir, folder }, O_RDONLY | O_DIRECTORY, 0, out, em);
}

enum err beneath_sync(struct beneath folder, struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	enum err e = beneath_open(folder, O_RDONLY | O_DIRECTORY, 0, &fd, em);
	if (e == OK && fsync(fd) != 0)
		e = err_errno(em, ERR_IO, "%s: writing to the disk", folder.path);
	return e;
}
