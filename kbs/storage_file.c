#include "kbs/storage_kind.h"

#include "common/libctx.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* FOLDER/repository/type/tag, folders 0700 and files 0600. What is being written lies in FOLDER under a name that
 * is no segment of a path (it begins with a dot), and is renamed into place. No symbolic link is ever followed below
 * FOLDER. */

#define TEMPORARY ".new-"

struct storage_folder {
	int fd;
	size_t max;
	atomic_bool by_segments;
};

/* Borrowed parts of "repository/type/tag". */
struct place {
	char folders[2][256];
	char tag[256];
};

static void folder_close(void *ctx)
{
	struct storage_folder *f = ctx;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static enum err folder_check(int fd, const char *path, struct errmsg *em)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "%s", path);
	if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(em, ERR_CONFIG, "%s: must be ours and closed to group and others (chmod 700)", path);
	return OK;
}

/* What a crash left half-written. */
static enum err leftovers_remove(int folder, const char *path, struct errmsg *em)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_errno(em, ERR_IO, "%s", path);
	}
	struct dirent *entry;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0)
			(void)unlinkat(folder, entry->d_name, 0);
	closedir(dir);
	return OK;
}

static enum err folder_open(const struct storage_options *options, void **ctx, struct errmsg *em)
{
	AUTO_FD
	int fd = open(options->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(em, ERR_CONFIG, "storage %s", options->path);
	enum err e = folder_check(fd, options->path, em);
	if (e == OK)
		e = leftovers_remove(fd, options->path, em);
	if (e != OK)
		return e;
	struct storage_folder *f = calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(em, "a storage");
	f->max = options->max;
	atomic_init(&f->by_segments, options->by_segments);
	f->fd = fd;
	fd = -1;
	*ctx = f;
	return OK;
}

static enum err place_split(const char *path, struct place *to, struct errmsg *em)
{
	int n = sscanf(path, "%255[^/]/%255[^/]/%255[^/]", to->folders[0], to->folders[1], to->tag);
	return n == 3 ? OK : err_set(em, ERR_PARSE, "a resource path is repository/type/tag");
}

/* Opens below the folder, following nothing. -1 and errno. */
static int open_whole(const struct storage_folder *f, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	return (int)syscall(SYS_openat2, f->fd, path, &how, sizeof(how));
}

/* The folder of `place`; makes what is missing if `make`. -1 and errno. */
static int open_folder(const struct storage_folder *f, const struct place *place, bool make)
{
	int at = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	for (size_t i = 0; i < ARRAY_LEN(place->folders) && at >= 0; i++) {
		bool made = make && mkdirat(at, place->folders[i], 0700) == 0;
		if (made && fsync(at) != 0) {
			close(at);
			return -1;
		}
		int next = openat(at, place->folders[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int saved = errno;
		close(at);
		errno = saved;
		at = next;
	}
	return at;
}

static int open_by_segments(const struct storage_folder *f, const char *path)
{
	struct place place;
	if (place_split(path, &place, NULL) != OK) {
		errno = EINVAL;
		return -1;
	}
	AUTO_FD
	int folder = open_folder(f, &place, false);
	if (folder < 0)
		return -1;
	return openat(folder, place.tag, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

static int open_resource(struct storage_folder *f, const char *path)
{
	if (!atomic_load(&f->by_segments)) {
		int fd = open_whole(f, path);
		/* An old kernel, or a sandbox that does not know the call. EPERM is no answer to our reading. */
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return fd;
		atomic_store(&f->by_segments, true);
	}
	return open_by_segments(f, path);
}

static enum err errno_err(struct errmsg *em, const char *path)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return err_set(em, ERR_NOT_FOUND, "there is no resource %s", path);
	return err_errno(em, ERR_IO, "resource %s", path);
}

static enum err read_all(int fd, struct secret *to, struct errmsg *em)
{
	size_t have = 0;
	while (have < secret_len(to)) {
		ssize_t n = read(fd, secret_data(to) + have, secret_len(to) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(em, ERR_IO, "read") : err_set(em, ERR_IO, "shorter than it was");
		have += (size_t)n;
	}
	return OK;
}

static enum err folder_read(void *ctx, const char *path, struct secret **out, struct errmsg *em)
{
	struct storage_folder *f = ctx;
	AUTO_FD
	int fd = open_resource(f, path);
	if (fd < 0)
		return errno_err(em, path);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "resource %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(em, ERR_IO, "resource %s: not a regular file", path);
	if (st.st_size < 0 || (uint64_t)st.st_size > f->max)
		return err_set(em, ERR_IO, "resource %s: larger than %zu bytes", path, f->max);
	AUTO(secret) *resource = NULL;
	enum err e = secret_new((size_t)st.st_size, &resource, em);
	if (e == OK)
		e = read_all(fd, resource, em);
	if (e != OK)
		return err_wrap(em, e, "resource %s", path);
	*out = steal(&resource);
	return OK;
}

static enum err write_all(int fd, struct bytes from, struct errmsg *em)
{
	while (from.len > 0) {
		ssize_t n = write(fd, from.data, from.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(em, ERR_IO, "write");
		from.data += n;
		from.len -= (size_t)n;
	}
	return fsync(fd) == 0 ? OK : err_errno(em, ERR_IO, "fsync");
}

static enum err temporary_name(char *to, size_t cap, struct errmsg *em)
{
	uint8_t random[12];
	if (RAND_bytes_ex(libctx(), random, sizeof(random), 0) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random bytes");
	AUTO_STR
	char *hex = hex_encode(BYTES(random));
	if (!hex)
		return err_nomem(em, "a name");
	snprintf(to, cap, TEMPORARY "%s", hex);
	return OK;
}

static enum err write_temporary(const struct storage_folder *f, const char *name, struct bytes resource,
				struct errmsg *em)
{
	AUTO_FD
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(em, ERR_IO, "temporary file");
	return write_all(fd, resource, em);
}

static enum err move_into_place(const struct storage_folder *f, const char *name, const struct place *place,
				struct errmsg *em)
{
	AUTO_FD
	int folder = open_folder(f, place, true);
	if (folder < 0)
		return err_errno(em, ERR_IO, "%s/%s", place->folders[0], place->folders[1]);
	if (renameat(f->fd, name, folder, place->tag) != 0)
		return err_errno(em, ERR_IO, "rename");
	return fsync(folder) == 0 ? OK : err_errno(em, ERR_IO, "fsync");
}

static enum err folder_write(void *ctx, const char *path, struct bytes resource, struct errmsg *em)
{
	struct storage_folder *f = ctx;
	struct place place;
	char name[64];
	enum err e = place_split(path, &place, em);
	if (e == OK)
		e = temporary_name(name, sizeof(name), em);
	if (e != OK)
		return e;
	e = write_temporary(f, name, resource, em);
	if (e == OK)
		e = move_into_place(f, name, &place, em);
	if (e != OK) {
		(void)unlinkat(f->fd, name, 0); /* not there any more once it was renamed */
		return err_wrap(em, e, "resource %s", path);
	}
	return OK;
}

static enum err folder_remove(void *ctx, const char *path, struct errmsg *em)
{
	struct storage_folder *f = ctx;
	struct place place;
	enum err e = place_split(path, &place, em);
	if (e != OK)
		return e;
	AUTO_FD
	int folder = open_folder(f, &place, false);
	if (folder < 0 || unlinkat(folder, place.tag, 0) != 0)
		return errno_err(em, path);
	if (fsync(folder) != 0)
		return err_errno(em, ERR_IO, "resource %s: fsync", path);
	return OK;
}

const struct storage_kind storage_file = {
	.name = "file",
	.open = folder_open,
	.read = folder_read,
	.write = folder_write,
	.remove = folder_remove,
	.close = folder_close,
};
