#include "image/staged.h"

#include "common/libctx.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* 0644 less the umask: what a peer would write, too. */
#define STAGED_MODE 0644
#define STAGED_MARK ".kbs-image-"

static enum err name_make(char *name, size_t size, struct errmsg *em)
{
	uint8_t random[12];
	if (RAND_bytes_ex(libctx(), random, sizeof(random), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "random name");
	AUTO_STR
	char *hex = hex_encode(BYTES(random));
	if (!hex)
		return err_set(em, ERR_NOMEM, "no memory");
	snprintf(name, size, STAGED_MARK "%s", hex);
	return OK;
}

static enum err named_open(struct staged *s, struct errmsg *em)
{
	enum err e = name_make(s->name, sizeof(s->name), em);
	if (e != OK)
		return e;
	s->fd = openat(s->dir, s->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, STAGED_MODE);
	if (s->fd >= 0)
		return OK;
	e = err_errno(em, ERR_IO, "temporary file");
	s->name[0] = 0;
	return e;
}

/* Between its making and its lock somebody may have taken it for a remainder. */
static bool locked(const struct staged *s)
{
	struct stat st;
	return flock(s->fd, LOCK_EX | LOCK_NB) == 0 && fstat(s->fd, &st) == 0 && (st.st_nlink > 0 || !s->name[0]);
}

enum err staged_open(int dir, bool named, struct staged *out, struct errmsg *em)
{
	*out = (struct staged){ .fd = -1, .dir = dir };
	if (!named)
		out->fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, STAGED_MODE);
	/* open(2), O_TMPFILE: EISDIR from kernels, EOPNOTSUPP from file systems, that do not know it. */
	if (out->fd < 0 && !named && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return err_errno(em, ERR_IO, "temporary file");
	for (int tries = 0; tries < 8; tries++) {
		enum err e = out->fd < 0 ? named_open(out, em) : OK;
		if (e != OK || locked(out))
			return e;
		staged_discard(out);
	}
	return err_set(em, ERR_IO, "temporary file: it cannot be locked");
}

enum err staged_write(struct staged *s, struct bytes bytes, struct errmsg *em)
{
	while (bytes.len > 0) {
		ssize_t written = write(s->fd, bytes.data, bytes.len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_errno(em, ERR_IO, "writing a blob");
		bytes.data += written;
		bytes.len -= (size_t)written;
	}
	return OK;
}

enum err staged_sync(struct staged *s, struct errmsg *em)
{
	return fsync(s->fd) == 0 ? OK : err_errno(em, ERR_IO, "writing a blob to the disk");
}

enum err staged_contents(int dir, struct bytes contents, struct staged *out, struct errmsg *em)
{
	enum err e = staged_open(dir, false, out, em);
	if (e == OK)
		e = staged_write(out, contents, em);
	return e == OK ? staged_sync(out, em) : e;
}

static int link_nameless(int fd, int dir, const char *leaf)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dir, leaf, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* Without /proc: open to CAP_DAC_READ_SEARCH alone. */
	return errno == ENOENT || errno == ENOTDIR ? linkat(fd, "", dir, leaf, AT_EMPTY_PATH) : -1;
}

/* Gives a nameless file a name of its own beside its place, from where it can replace what is there. */
static enum err name_give(struct staged *s, int dir, struct errmsg *em)
{
	char name[sizeof(s->name)];
	enum err e = name_make(name, sizeof(name), em);
	if (e != OK)
		return e;
	if (link_nameless(s->fd, dir, name) != 0)
		return err_errno(em, ERR_IO, "temporary file");
	memcpy(s->name, name, sizeof(name));
	s->dir = dir;
	return OK;
}

static int publish_kept(struct staged *s, int dir, const char *leaf)
{
	if (!s->name[0])
		return link_nameless(s->fd, dir, leaf);
	if (linkat(s->dir, s->name, dir, leaf, 0) != 0)
		return -1;
	unlinkat(s->dir, s->name, 0);
	return 0;
}

enum err staged_publish(struct staged *s, struct beneath to, bool replace, struct errmsg *em)
{
	AUTO_FD
	int dir = -1;
	const char *leaf = NULL;
	enum err e = beneath_parent(to, &dir, &leaf, em);
	if (e == OK && replace && !s->name[0])
		e = name_give(s, dir, em);
	if (e != OK)
		return e;
	int done = replace ? renameat(s->dir, s->name, dir, leaf) : publish_kept(s, dir, leaf);
	if (done != 0) {
		e = err_errno(em, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s", to.path);
		if (replace)
			staged_discard(s);
		return e;
	}
	s->name[0] = 0;
	return OK;
}

void staged_discard(struct staged *s)
{
	if (s->name[0])
		unlinkat(s->dir, s->name, 0);
	if (s->fd >= 0)
		close(s->fd);
	s->name[0] = 0;
	s->fd = -1;
}

static bool left_behind(int dir, const char *name)
{
	AUTO_FD
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       flock(fd, LOCK_EX | LOCK_NB) == 0;
}

bool staged_name(const char *name)
{
	return strncmp(name, STAGED_MARK, strlen(STAGED_MARK)) == 0;
}

enum err staged_sweep(int dir, struct errmsg *em)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
	if (!list) {
		enum err e = err_errno(em, ERR_IO, "listing the folder");
		if (copy >= 0)
			close(copy);
		return e;
	}
	for (const struct dirent *entry = readdir(list); entry; entry = readdir(list))
		if (staged_name(entry->d_name) && left_behind(dir, entry->d_name))
			unlinkat(dir, entry->d_name, 0);
	closedir(list);
	return OK;
}
