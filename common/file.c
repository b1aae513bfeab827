#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { READ_STEP = 4096, TEMPORARY_TRIES = 16 };

static enum err err_of_errno(void)
{
	return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
}

/* O_NONBLOCK: a pipe that nobody writes to is refused instead of waited for. */
static enum err open_regular(const char *path, int *out, size_t *len, struct errmsg *em)
{
	AUTO_FD
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(em, err_of_errno(), "cannot open %s", path);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(em, ERR_IO, "%s is not a regular file", path);
	*len = st.st_size > 0 ? (size_t)st.st_size : 0;
	*out = fd;
	fd = -1;
	return OK;
}

static ssize_t read_some(int fd, void *to, size_t len)
{
	ssize_t n;
	do
		n = read(fd, to, len);
	while (n < 0 && errno == EINTR);
	return n;
}

enum err file_read(const char *path, size_t max, struct buf *out, struct errmsg *em)
{
	AUTO_FD
	int fd = -1;
	size_t len = 0;
	enum err e = open_regular(path, &fd, &len, em);
	if (e != OK)
		return e;
	if (len > max)
		return err_set(em, ERR_LIMIT, "%s has more than %zu bytes", path, max);
	AUTO_BUF
	all = { 0 };
	for (;;) {
		/* One more than expected, so that the end shows. Files in /proc and /sys have no size. */
		e = buf_reserve(&all, all.len <= len ? len + 1 - all.len : READ_STEP, em);
		if (e != OK)
			return err_wrap(em, e, "%s", path);
		ssize_t n = read_some(fd, all.data + all.len, all.cap - all.len);
		if (n < 0)
			return err_errno(em, ERR_IO, "cannot read %s", path);
		if (n == 0)
			break;
		all.len += (size_t)n;
		if (all.len > max)
			return err_set(em, ERR_LIMIT, "%s has more than %zu bytes", path, max);
	}
	buf_clear(out);
	*out = all;
	all = (struct buf){ 0 };
	return OK;
}

/* Moves into a larger secret; the old one is wiped. */
static enum err grow(struct secret **s, size_t used, struct errmsg *em)
{
	AUTO(secret) *larger = NULL;
	enum err e = secret_new(secret_len(*s) * 2, &larger, em);
	if (e != OK)
		return e;
	memcpy(secret_data(larger), secret_data(*s), used);
	secret_free(*s);
	*s = steal(&larger);
	return OK;
}

static enum err read_secret_fd(int fd, size_t expected, size_t max, struct secret **out, struct errmsg *em)
{
	AUTO(secret) *all = NULL;
	enum err e = secret_new(expected + 1, &all, em);
	if (e != OK)
		return e;
	size_t used = 0;
	for (;;) {
		if (used == secret_len(all)) {
			e = grow(&all, used, em);
			if (e != OK)
				return e;
		}
		ssize_t n = read_some(fd, secret_data(all) + used, secret_len(all) - used);
		if (n < 0)
			return err_errno(em, ERR_IO, "cannot read");
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			return err_set(em, ERR_LIMIT, "more than %zu bytes", max);
	}
	secret_truncate(all, used);
	*out = steal(&all);
	return OK;
}

enum err file_read_secret(const char *path, size_t max, struct secret **out, struct errmsg *em)
{
	if (strcmp(path, "-") == 0) {
		enum err e = read_secret_fd(STDIN_FILENO, READ_STEP, max, out, em);
		return e == OK ? OK : err_wrap(em, e, "standard input");
	}
	AUTO_FD
	int fd = -1;
	size_t len = 0;
	enum err e = open_regular(path, &fd, &len, em);
	if (e != OK)
		return e;
	if (len > max)
		return err_set(em, ERR_LIMIT, "%s has more than %zu bytes", path, max);
	e = read_secret_fd(fd, len, max, out, em);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

/* A new file being written: its folder, its name there, and the name it is to get. */
struct draft {
	int dir;
	int fd;
	char temporary[32];
	const char *name;
};

static void draft_close(struct draft *d)
{
	if (d->fd >= 0)
		close(d->fd);
	if (d->temporary[0])
		unlinkat(d->dir, d->temporary, 0);
	if (d->dir >= 0)
		close(d->dir);
}

static enum err draft_open(const char *path, struct draft *d, struct errmsg *em)
{
	const char *slash = strrchr(path, '/');
	d->name = slash ? slash + 1 : path;
	if (!*d->name)
		return err_set(em, ERR_ARG, "%s names a folder", path);
	AUTO_STR
	char *folder = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!folder)
		return err_set(em, ERR_NOMEM, "no memory");
	d->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0)
		return err_errno(em, err_of_errno(), "cannot open the folder %s", folder);
	for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
		uint64_t number = 0;
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return err_errno(em, ERR_INTERNAL, "no random number");
		snprintf(d->temporary, sizeof(d->temporary), ".new-%016llx", (unsigned long long)number);
		d->fd = openat(d->dir, d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (d->fd >= 0)
			return OK;
		d->temporary[0] = '\0';
		if (errno != EEXIST)
			break;
	}
	return err_errno(em, ERR_IO, "cannot create a file in %s", folder);
}

static enum err draft_write(struct draft *d, struct bytes contents, mode_t mode, struct errmsg *em)
{
	while (contents.len > 0) {
		ssize_t n = write(d->fd, contents.data, contents.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(em, ERR_IO, "cannot write");
		contents.data += n;
		contents.len -= (size_t)n;
	}
	if (fchmod(d->fd, mode) != 0)
		return err_errno(em, ERR_IO, "cannot set the mode");
	if (fsync(d->fd) != 0)
		return err_errno(em, ERR_IO, "cannot write to disk");
	int fd = d->fd;
	d->fd = -1;
	return close(fd) == 0 ? OK : err_errno(em, ERR_IO, "cannot write");
}

static enum err draft_publish(struct draft *d, bool keep_existing, struct errmsg *em)
{
	if (keep_existing) {
		/* A hard link never replaces. The temporary name goes when the draft is closed. */
		if (linkat(d->dir, d->temporary, d->dir, d->name, 0) != 0)
			return errno == EEXIST ? err_set(em, ERR_EXISTS, "exists already")
					       : err_errno(em, ERR_IO, "cannot create");
		unlinkat(d->dir, d->temporary, 0);
	} else if (renameat(d->dir, d->temporary, d->dir, d->name) != 0)
		return err_errno(em, ERR_IO, "cannot replace");
	d->temporary[0] = '\0';
	/* Some file systems cannot sync a folder and say EINVAL. */
	if (fsync(d->dir) != 0 && errno != EINVAL)
		return err_errno(em, ERR_IO, "cannot write the folder to disk");
	return OK;
}

enum err file_write_atomic(const char *path, struct bytes contents, struct file_write how, struct errmsg *em)
{
	struct draft d = { .dir = -1, .fd = -1 };
	enum err e = draft_open(path, &d, em);
	if (e == OK)
		e = draft_write(&d, contents, how.mode, em);
	if (e == OK)
		e = draft_publish(&d, how.keep_existing, em);
	draft_close(&d);
	return e == OK ? OK : err_wrap(em, e, "%s", path);
}

enum err file_check_trusted(int fd, const char *path, struct errmsg *em)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_CONFIG, "cannot read %s", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(em, ERR_CONFIG, "%s belongs to uid %u: neither to root nor to us", path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(em, ERR_CONFIG, "%s may be written by group or others: chmod go-w it", path);
	return OK;
}
