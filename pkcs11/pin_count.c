#include "pkcs11/pin_count.h"

#include "common/bytes.h"
#include "common/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FREE_TRIES 2
#define WAIT_FIRST_MS 1000
#define WAIT_MAX_MS 16000
#define WRONG_MAX 1000000
#define LOCK_WAIT_MS 5000
#define TEXT_MAX 64

static int64_t wait_after(unsigned wrong)
{
	int64_t ms = WAIT_FIRST_MS;
	if (wrong < FREE_TRIES)
		return 0;
	for (unsigned i = FREE_TRIES; i < wrong && ms < WAIT_MAX_MS; i++)
		ms *= 2;
	return ms;
}

int64_t pin_count_try(struct pin_count *count, int64_t now)
{
	/* A time that is too far ahead is another boot's. */
	int64_t at = count->not_before > now && count->not_before <= now + (int64_t)count->wrong * WAIT_MAX_MS
			     ? count->not_before
			     : now;
	if (count->wrong < WRONG_MAX)
		count->wrong++;
	count->not_before = at + wait_after(count->wrong);
	return at - now;
}

static enum err lock(int fd, const char *path, struct errmsg *em)
{
	struct deadline deadline = deadline_in_ms(LOCK_WAIT_MS);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(em, ERR_IO, "%s", path);
		if (!deadline_sleep_ms(deadline, 10))
			return err_set(em, ERR_TIMEOUT, "%s: another process keeps it locked", path);
	}
	return OK;
}

static enum err check_owner(int fd, const char *path, struct errmsg *em)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(em, ERR_IO, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
		return err_set(em, ERR_CONFIG, "%s: a count of wrong PINs is a file of one's own, with mode 0600",
			       path);
	return OK;
}

static enum err parse(char *text, const char *path, struct pin_count *count, struct errmsg *em)
{
	unsigned wrong = 0;
	long long at = 0;
	int end = -1;
	*count = (struct pin_count){ 0, 0 }; /* whoever takes the file away forgives */
	if (!*text)
		return OK;
	if (strlen(text) < TEXT_MAX - 1 && sscanf(text, "wrong=%6u not-before=%18lld\n%n", &wrong, &at, &end) == 2 &&
	    end == (int)strlen(text)) {
		*count = (struct pin_count){ wrong, at };
		return OK;
	}
	return err_set(em, ERR_CONFIG, "%s is no count of wrong PINs: take it away", path);
}

enum err pin_count_open(const char *path, struct pin_count_file *file, struct pin_count *count, struct errmsg *em)
{
	char text[TEXT_MAX] = "";
	file->fd = -1;
	if (!path)
		return OK;
	AUTO_FD
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_errno(em, ERR_CONFIG, "%s", path);
	enum err e = check_owner(fd, path, em);
	if (e == OK)
		e = lock(fd, path, em);
	if (e != OK)
		return e;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return err_errno(em, ERR_IO, "%s", path);
	e = parse(text, path, count, em);
	if (e == OK) {
		file->fd = fd;
		fd = -1;
	}
	return e;
}

enum err pin_count_close(struct pin_count_file *file, const struct pin_count *count, struct errmsg *em)
{
	AUTO_FD
	int fd = file->fd;
	char text[TEXT_MAX];
	file->fd = -1;
	if (fd < 0 || !count)
		return OK;
	int len =
		snprintf(text, sizeof(text), "wrong=%u not-before=%lld\n", count->wrong, (long long)count->not_before);
	if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) != 0)
		return err_errno(em, ERR_IO, "the count of wrong PINs");
	return OK;
}
