#define _GNU_SOURCE 1
#include "common/pgp_home.h"

#include "common/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#define PREFIX "okw-pgp-"
#define LOCK "lock"
/* GnuPG makes sockets in its home: 108 bytes for all of their path. */
#define FOLDER_MAX 64
/* A home without a lock is being made, or was left half-made. */
#define HALF_MADE_SECONDS 60
#define REAPER_SECONDS 10

struct pgp_home {
	char *path;
	int lock; /* held as long as we live */
	int alive; /* our end of the reaper's standard input */
	pid_t reaper;
};

/* Its standard input ends when whoever made the home does not need it any more, or is not there any more. */
static const char reaper_script[] = "trap '' INT TERM HUP\n"
				    "read -r _\n"
				    "gpgconf --homedir \"$1\" --kill all\n"
				    "gpgconf --homedir \"$1\" --remove-socketdir\n"
				    "find \"$1\" -xdev -type f -exec shred -n 1 -z {} +\n"
				    "rm -rf -- \"$1\"\n";

static enum err reaper_spawn(const char *path, int input, pid_t *pid, struct errmsg *em)
{
	char *argv[] = {
		(char *)"sh", (char *)"-c", (char *)reaper_script, (char *)"okw-pgp-reaper", (char *)path, NULL
	};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	int rv = posix_spawn_file_actions_adddup2(&actions, input, 0);
	if (rv == 0)
		rv = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (rv == 0)
		rv = posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (rv == 0)
		rv = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	/* Not of the terminal's group: what ends us there must not end it. */
	if (rv == 0)
		rv = posix_spawnattr_setsigmask(&attr, &none);
	if (rv == 0)
		rv = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	if (rv == 0)
		rv = posix_spawn(pid, "/bin/sh", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	errno = rv;
	return rv == 0 ? OK : err_errno(em, ERR_IO, "cannot start /bin/sh");
}

static void reaper_wait(pid_t pid)
{
	static const struct timespec step = { 0, 5000000 };
	for (int i = 0; i < REAPER_SECONDS * 200; i++) {
		pid_t got = waitpid(pid, NULL, WNOHANG);
		if (got == pid || (got < 0 && errno != EINTR))
			return;
		nanosleep(&step, NULL);
	}
}

static bool in_memory(const char *folder)
{
	struct statfs fs;
	return folder && folder[0] == '/' && strlen(folder) <= FOLDER_MAX && statfs(folder, &fs) == 0 &&
	       ((unsigned long)fs.f_type == TMPFS_MAGIC || (unsigned long)fs.f_type == RAMFS_MAGIC) &&
	       access(folder, W_OK | X_OK) == 0;
}

static const char *memory_folder(void)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	if (in_memory(runtime))
		return runtime;
	return in_memory("/dev/shm") ? "/dev/shm" : NULL;
}

/* True if nobody lives there any more. */
static bool is_left_over(int folder, const char *name)
{
	struct stat st;
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return false;
	AUTO_FD
	int home = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (home < 0)
		return false;
	AUTO_FD
	int lock = openat(home, LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (lock < 0)
		return errno == ENOENT && time(NULL) - st.st_mtime > HALF_MADE_SECONDS;
	return flock(lock, LOCK_EX | LOCK_NB) == 0;
}

static void left_over_remove(const char *folder, const char *name)
{
	AUTO_STR
	char *path = NULL;
	AUTO_FD
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid = 0;
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return;
	}
	if (nothing >= 0 && reaper_spawn(path, nothing, &pid, NULL) == OK)
		reaper_wait(pid);
}

static void left_over_search(const char *folder)
{
	DIR *dir = opendir(folder);
	if (!dir)
		return;
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (is_left_over(dirfd(dir), entry->d_name))
			left_over_remove(folder, entry->d_name);
	closedir(dir);
}

/* Locked under another name first: what has its name is locked. */
static enum err lock_make(struct pgp_home *home, struct errmsg *em)
{
	AUTO_STR
	char *made = NULL;
	AUTO_STR
	char *name = NULL;
	if (asprintf(&made, "%s/" LOCK ".new", home->path) < 0 || asprintf(&name, "%s/" LOCK, home->path) < 0)
		return err_nomem(em, "a home of GnuPG");
	home->lock = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (home->lock < 0 || flock(home->lock, LOCK_EX | LOCK_NB) != 0 || rename(made, name) != 0)
		return err_errno(em, ERR_IO, "cannot lock %s", home->path);
	return OK;
}

static enum err settings_write(const struct pgp_home *home, struct errmsg *em)
{
	static const struct {
		const char *name;
		const char *text;
	} files[] = {
		/* What peers read: no AEAD, no compression, AES-256 whatever a key prefers. */
		{ "gpg.conf", "rfc4880\ncipher-algo AES256\ncompress-algo none\nno-auto-key-locate\ndisable-dirmngr\n"
			      "trust-model always\nno-auto-check-trustdb\nno-greeting\n" },
		/* A count of its own: the agent measures one otherwise, which takes a while where others compute. */
		{ "gpg-agent.conf",
		  "s2k-count 1048576\ndefault-cache-ttl 0\nmax-cache-ttl 0\ndisable-scdaemon\nno-allow-external-cache\n"
		  "pinentry-program /bin/false\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_STR
		char *path = NULL;
		if (asprintf(&path, "%s/%s", home->path, files[i].name) < 0)
			return err_nomem(em, "a home of GnuPG");
		enum err e = file_write_atomic(path, bytes_str(files[i].text), (struct file_write){ .mode = 0600 }, em);
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err home_fill(struct pgp_home *home, const char *folder, struct errmsg *em)
{
	int ends[2];
	if (asprintf(&home->path, "%s/" PREFIX "XXXXXX", folder) < 0) {
		home->path = NULL;
		return err_nomem(em, "a home of GnuPG");
	}
	if (!mkdtemp(home->path)) {
		enum err e = err_errno(em, ERR_IO, "cannot make a folder in %s", folder);
		free(steal(&home->path));
		return e;
	}
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_errno(em, ERR_IO, "no pipe");
	home->alive = ends[1];
	AUTO_FD
	int input = ends[0];
	enum err e = reaper_spawn(home->path, input, &home->reaper, em);
	if (e == OK)
		e = lock_make(home, em);
	return e == OK ? settings_write(home, em) : e;
}

enum err pgp_home_new(struct pgp_home **out, struct errmsg *em)
{
	AUTO(pgp_home) *home = calloc(1, sizeof(*home));
	const char *folder = memory_folder();
	if (!home)
		return err_nomem(em, "a home of GnuPG");
	home->lock = home->alive = -1;
	if (!folder)
		return err_set(em, ERR_IO,
			       "OpenPGP keys are unpacked in memory only, and neither $XDG_RUNTIME_DIR nor /dev/shm is "
			       "a tmpfs that can be written to");
	left_over_search(folder);
	enum err e = home_fill(home, folder, em);
	if (e == OK)
		*out = steal(&home);
	return e;
}

void pgp_home_free(struct pgp_home *home)
{
	if (!home)
		return;
	if (home->alive >= 0)
		close(home->alive);
	if (home->reaper > 0)
		reaper_wait(home->reaper);
	else if (home->path)
		rmdir(home->path);
	if (home->lock >= 0)
		close(home->lock);
	free(home->path);
	free(home);
}

const char *pgp_home_path(const struct pgp_home *home)
{
	return home->path;
}
