#include "tools/token_reason.h"

#include "common/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define VARIABLE "KBS_PKCS11_LOG"
#define LOG_MAX ((size_t)1 << 20)

void token_reason_begin(struct token_reason *r)
{
	char setting[64];
	r->fd = -1;
	if (getenv(VARIABLE))
		return;
	r->fd = memfd_create("token-log", MFD_CLOEXEC);
	/* By number and not as "self": what a module starts inherits the variable, and must not write elsewhere. */
	snprintf(setting, sizeof(setting), "error:/proc/%d/fd/%d", (int)getpid(), r->fd);
	if (r->fd >= 0)
		setenv(VARIABLE, setting, 0);
}

void token_reason_end(struct token_reason *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static enum err log_read(int fd, struct buf *log)
{
	for (;;) {
		enum err e = buf_reserve(log, 4096, NULL);
		if (e != OK)
			return e;
		ssize_t got = pread(fd, log->data + log->len, 4096, (off_t)log->len);
		if (got < 0)
			return ERR_IO;
		if (got == 0 || log->len > LOG_MAX)
			return OK;
		log->len += (size_t)got;
	}
}

/* The last line of the module's about a failure; NULL if there is none. Cuts it off in place. */
static char *last_failure(char *log)
{
	char *found = NULL;
	char *rest = NULL;
	for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, " part=pkcs11 ") && strstr(line, " err=") && strstr(line, " text=\""))
			found = line;
	return found;
}

static enum err kind_of(const char *line, enum err otherwise)
{
	const char *name = strstr(line, " err=") + strlen(" err=");
	size_t len = strcspn(name, " ");
	for (int e = OK + 1; e < ERR_COUNT_; e++)
		if (strlen(err_name((enum err)e)) == len && strncmp(err_name((enum err)e), name, len) == 0)
			return (enum err)e;
	return otherwise;
}

/* The quoted text, in place; control characters stay escaped. */
static const char *words_of(char *line)
{
	char *from = strstr(line, " text=\"") + strlen(" text=\"");
	const char *words = from;
	char *to = from;
	while (*from && *from != '"') {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from++;
	}
	*to = 0;
	return words;
}

enum err token_reason_add(const struct token_reason *r, enum err e, struct errmsg *em)
{
	AUTO_BUF
	log = { 0 };
	if (r->fd < 0 || (e != ERR_KEY && e != ERR_DENIED) || log_read(r->fd, &log) != OK)
		return e;
	char *text = buf_cstr(&log);
	char *line = text ? last_failure(text) : NULL;
	if (!line)
		return e;
	e = kind_of(line, e);
	struct errmsg before = *em;
	return err_set(em, e, "%.500s: %s", before.text, words_of(line));
}
