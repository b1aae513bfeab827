#include "attest/tsm_report.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { NAME_TRIES = 16, GENERATION_TRIES = 100, WAIT_MS = 20, ENTRY_LEN = 32 };

void tsm_answer_clear(struct tsm_answer *a)
{
	buf_clear(&a->outblob);
	buf_clear(&a->auxblob);
}

/* An entry of ours in the folder. */
struct entry {
	const struct tsm_io *io;
	char name[ENTRY_LEN];
	struct deadline deadline;
};

static enum err fault(int error, struct errmsg *em, const char *what)
{
	errno = error;
	/* ETIMEDOUT: the quoting service of the host gave no answer to the kernel. */
	enum err e = error == ETIMEDOUT ? ERR_TIMEOUT : error == EFBIG ? ERR_LIMIT : ERR_ATTEST;
	return err_errno(em, e, "configfs-tsm: %s", what);
}

/* The name is nobody else's, and nobody can know it before. */
static enum err entry_make(const struct tsm_io *io, struct deadline deadline, struct entry *out, struct errmsg *em)
{
	int error = 0;
	*out = (struct entry){ io, "", deadline };
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		uint64_t number = 0;
		if (getrandom(&number, sizeof number, 0) != sizeof number)
			return err_errno(em, ERR_INTERNAL, "no random number");
		snprintf(out->name, sizeof out->name, "kbs-%016" PRIx64, number);
		error = -io->make(io->ctx, out->name);
		if (error == 0)
			return OK;
		out->name[0] = '\0';
		if (error != EEXIST && error != EINTR)
			break;
	}
	errno = error;
	/* ENXIO, EPERM: there is no provider behind the folder. */
	return err_errno(em, error == ENOENT ? ERR_NOT_FOUND : ERR_IO, "configfs-tsm: no entry can be made");
}

static void entry_remove(struct entry *e)
{
	int error = EINTR;
	if (!e->name[0])
		return;
	for (int tries = 0; tries < NAME_TRIES && (error == EINTR || error == EBUSY); tries++)
		error = -e->io->remove(e->io->ctx, e->name);
	if (error)
		log_warn("attest", "tsm", "entry=%s not removed: %s", e->name, strerrordesc_np(error));
}
#define AUTO_ENTRY __attribute__((cleanup(entry_remove))) struct entry

static bool worth_waiting(int error)
{
	return error == EINTR || error == EBUSY || error == EAGAIN;
}

struct attribute {
	const char *name;
	size_t max;
	bool optional; /* older kernels do not have it: empty */
};

/* A quote can be slow, its buffer can be in use by another, and a signal can come in between: the same again. */
static enum err attribute_read(const struct entry *e, struct attribute a, struct buf *out, struct errmsg *em)
{
	for (;;) {
		buf_clear(out);
		ssize_t n = e->io->read(e->io->ctx, e->name, a.name, out, a.max);
		if (n >= 0 || (n == -ENOENT && a.optional))
			return OK;
		if (!worth_waiting((int)-n))
			return fault((int)-n, em, a.name);
		if (!deadline_sleep_ms(e->deadline, WAIT_MS)) {
			errno = (int)-n;
			return err_errno(em, ERR_TIMEOUT, "configfs-tsm: %s, until the time was up", a.name);
		}
	}
}

static enum err attribute_write(const struct entry *e, const char *name, struct bytes value, struct errmsg *em)
{
	for (;;) {
		int error = -e->io->write(e->io->ctx, e->name, name, value);
		if (error == 0)
			return OK;
		/* EBUSY: written so often without a read that the kernel stops counting; only a read helps. */
		if (error != EINTR || !deadline_sleep_ms(e->deadline, WAIT_MS))
			return fault(error, em, name);
	}
}

/* One line of text. */
static enum err word_read(const struct entry *e, struct attribute a, char to[TSM_WORD_MAX], struct errmsg *em)
{
	AUTO_BUF
	text = { 0 };
	enum err err = attribute_read(e, a, &text, em);
	if (err != OK)
		return err;
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\0'))
		text.len--;
	if (text.len >= TSM_WORD_MAX || (text.len && memchr(text.data, '\0', text.len)))
		return err_set(em, ERR_ATTEST, "configfs-tsm: %s is no word", a.name);
	if (text.len)
		memcpy(to, text.data, text.len);
	to[text.len] = '\0';
	return OK;
}

static enum err number_read(const struct entry *e, struct attribute a, uint64_t *out, struct errmsg *em)
{
	char word[TSM_WORD_MAX];
	char *end = NULL;
	enum err err = word_read(e, a, word, em);
	if (err != OK)
		return err;
	if (!word[0] && a.optional)
		return OK;
	errno = 0;
	*out = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end || errno)
		return err_set(em, ERR_ATTEST, "configfs-tsm: %s is no number", a.name);
	return OK;
}

static enum err generation_read(const struct entry *e, uint64_t *out, struct errmsg *em)
{
	return number_read(e, (struct attribute){ "generation", TSM_WORD_MAX, false }, out, em);
}

static enum err provider_read(const struct entry *e, char to[TSM_WORD_MAX], struct errmsg *em)
{
	return word_read(e, (struct attribute){ "provider", TSM_WORD_MAX, false }, to, em);
}

/* The level 0 is the default; a guest under a more privileged one (an SVSM) must ask for its own. */
static enum err privilege_write(const struct entry *e, unsigned *writes, struct errmsg *em)
{
	uint64_t floor = 0;
	char text[24];
	enum err err = number_read(e, (struct attribute){ "privlevel_floor", TSM_WORD_MAX, true }, &floor, em);
	if (err != OK || floor == 0)
		return err;
	snprintf(text, sizeof text, "%" PRIu64, floor);
	++*writes;
	return attribute_write(e, "privlevel", bytes_str(text), em);
}

/* *moved: somebody else wrote into our entry, so what was read may be an answer to another question. */
static enum err generation_check(const struct entry *e, uint64_t expected, bool *moved, struct errmsg *em)
{
	uint64_t now = 0;
	enum err err = generation_read(e, &now, em);
	*moved = err == OK && now != expected;
	return err;
}

static enum err report_try(const struct entry *e, const struct tsm_request *request, struct tsm_answer *out,
			   bool *moved, struct errmsg *em)
{
	uint64_t generation = 0;
	unsigned writes = 1;
	enum err err = generation_read(e, &generation, em);
	if (err == OK && request->privileged)
		err = privilege_write(e, &writes, em);
	if (err == OK)
		err = attribute_write(e, "inblob", (struct bytes){ request->inblob, TSM_INBLOB_LEN }, em);
	if (err == OK)
		err = attribute_read(e, (struct attribute){ "outblob", TSM_OUTBLOB_MAX, false }, &out->outblob, em);
	if (err == OK)
		err = generation_check(e, generation + writes, moved, em);
	if (err != OK || *moved)
		return err;
	err = attribute_read(e, (struct attribute){ "auxblob", TSM_AUXBLOB_MAX, true }, &out->auxblob, em);
	return err == OK ? generation_check(e, generation + writes, moved, em) : err;
}

static enum err report_take(const struct entry *e, const struct tsm_request *request, struct tsm_answer *out,
			    struct errmsg *em)
{
	char provider[TSM_WORD_MAX];
	enum err err = provider_read(e, provider, em);
	if (err != OK)
		return err;
	if (strcmp(provider, request->provider) != 0)
		return err_set(em, ERR_ATTEST, "configfs-tsm: its provider is \"%s\", not \"%s\"", provider,
			       request->provider);
	for (int tries = 0; tries < GENERATION_TRIES; tries++) {
		bool moved = false;
		err = report_try(e, request, out, &moved, em);
		if (err != OK || !moved)
			return err;
		log_warn("attest", "tsm", "another writer in entry=%s: again", e->name);
		if (!deadline_sleep_ms(e->deadline, WAIT_MS))
			break;
	}
	return err_set(em, ERR_ATTEST, "configfs-tsm: another writer does not leave our entry alone");
}

enum err tsm_report_take(const struct tsm_io *io, const struct tsm_request *request, struct tsm_answer *out,
			 struct errmsg *em)
{
	AUTO_ENTRY entry = { .io = io };
	*out = (struct tsm_answer){ .outblob = { 0 } };
	enum err e = entry_make(io, request->deadline, &entry, em);
	if (e == OK)
		e = report_take(&entry, request, out, em);
	if (e == OK && out->outblob.len == 0)
		e = err_set(em, ERR_ATTEST, "configfs-tsm: outblob is empty");
	if (e != OK)
		tsm_answer_clear(out);
	return e;
}

enum err tsm_report_provider(const struct tsm_io *io, char provider[TSM_WORD_MAX], struct errmsg *em)
{
	AUTO_ENTRY entry = { .io = io };
	enum err e = entry_make(io, deadline_in_ms(WAIT_MS), &entry, em);
	return e == OK ? provider_read(&entry, provider, em) : e;
}

/* --- the kernel's ---------------------------------------------------------------------------------------------- */

static char *path_of(const void *folder, const char *entry, const char *attribute)
{
	char *path = NULL;
	int n = asprintf(&path, "%s/%s%s%s", (const char *)folder, entry, attribute ? "/" : "",
			 attribute ? attribute : "");
	return n < 0 ? NULL : path;
}

static int linux_make(void *folder, const char *entry)
{
	AUTO_STR
	char *path = path_of(folder, entry, NULL);
	return !path ? -ENOMEM : mkdir(path, 0700) == 0 ? 0 : -errno;
}

static int linux_remove(void *folder, const char *entry)
{
	AUTO_STR
	char *path = path_of(folder, entry, NULL);
	return !path ? -ENOMEM : rmdir(path) == 0 ? 0 : -errno;
}

static ssize_t linux_read(void *folder, const char *entry, const char *attribute, struct buf *out, size_t max)
{
	AUTO_STR
	char *path = path_of(folder, entry, attribute);
	AUTO_FD
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return path ? -errno : -ENOMEM;
	for (;;) {
		if (buf_reserve(out, 4096, NULL) != OK)
			return -ENOMEM;
		ssize_t n = read(fd, out->data + out->len, 4096);
		if (n < 0)
			return -errno; /* EINTR as well: from its start */
		if (n == 0)
			return (ssize_t)out->len;
		out->len += (size_t)n;
		if (out->len > max)
			return -EFBIG;
	}
}

/* A binary attribute takes effect when it is closed: all of it must be in one open. */
static int linux_write(void *folder, const char *entry, const char *attribute, struct bytes value)
{
	AUTO_STR
	char *path = path_of(folder, entry, attribute);
	int fd = path ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd < 0)
		return path ? -errno : -ENOMEM;
	ssize_t n = write(fd, value.data, value.len);
	int error = n < 0 ? errno : (size_t)n != value.len ? EIO : 0;
	if (close(fd) != 0 && !error && errno != EINTR)
		error = errno;
	return -error;
}

struct tsm_io tsm_io_linux(const char *folder)
{
	union {
		const char *from;
		void *to;
	} ctx = { .from = folder };
	return (struct tsm_io){ ctx.to, linux_make, linux_remove, linux_read, linux_write };
}
