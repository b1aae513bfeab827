#include "common/log.h"

#include "common/cleanup.h"
#include "common/log_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

enum log_target { TO_STDERR, TO_SYSLOG, TO_FILE };

/* What KBS_PKCS11_LOG said when this process first asked. Never changed nor freed once published. */
struct log_setting {
	pid_t pid;
	int level; /* -1 = off */
	enum log_target target;
	char *path; /* TO_FILE */
	const struct log_setting *before; /* the parent's, in a forked child */
};

static _Atomic(const struct log_setting *) published;
static const struct log_setting off = { .level = -1 };

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_ERROR_] = { "error", LOG_ERR },
	[LOG_WARN_] = { "warn", LOG_WARNING },
	[LOG_INFO_] = { "info", LOG_INFO },
	[LOG_DEBUG_] = { "debug", LOG_DEBUG },
};

static int level_of(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strlen(levels[i].name) == len && memcmp(levels[i].name, word, len) == 0)
			return (int)i;
	return -1;
}

static bool setting_parse(const char *text, struct log_setting *s)
{
	size_t len = strcspn(text, ":");
	s->level = level_of(text, len);
	const char *target = text[len] ? text + len + 1 : "stderr";
	if (strcmp(target, "stderr") == 0)
		s->target = TO_STDERR;
	else if (strcmp(target, "syslog") == 0)
		s->target = TO_SYSLOG;
	else if (target[0] == '/') {
		s->target = TO_FILE;
		s->path = strdup(target);
		return s->level >= 0 && s->path;
	} else
		return false;
	return s->level >= 0;
}

static struct log_setting *setting_new(const struct log_setting *before)
{
	struct log_setting *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct log_setting){ .pid = getpid(), .level = -1, .before = before };
	const char *text = secure_getenv("KBS_PKCS11_LOG");
	if (!text || !*text || setting_parse(text, s))
		return s;
	/* Whoever set it wanted to see something: say why nothing comes, rather than nothing. */
	free(s->path);
	*s = (struct log_setting){ .pid = s->pid, .level = -1, .before = before };
	static const char why[] =
		"kbs-pkcs11: KBS_PKCS11_LOG is not LEVEL[:stderr|:syslog|:/absolute/file] with LEVEL one of "
		"error, warn, info, debug: not logging\n";
	if (write(STDERR_FILENO, why, sizeof(why) - 1) < 0)
		return s;
	return s;
}

/* No lock: of two threads that are first, one's setting is thrown away. */
static const struct log_setting *setting(void)
{
	const struct log_setting *now = atomic_load_explicit(&published, memory_order_acquire);
	if (now && now->pid == getpid())
		return now;
	struct log_setting *mine = setting_new(now);
	if (!mine)
		return &off;
	if (atomic_compare_exchange_strong(&published, &now, mine))
		return mine;
	free(mine->path);
	free(mine);
	return now;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= setting()->level;
}

static void text_begin(struct log_text *to, enum log_level level, const char *part, const char *event)
{
	struct timespec now;
	struct tm utc;
	char when[64];
	char more[64];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	if (strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc) > 0)
		log_text_put(to, when);
	snprintf(more, sizeof(more), ".%03ldZ level=%s part=", now.tv_nsec / 1000000, levels[level].name);
	log_text_put(to, more);
	log_text_put(to, part);
	log_text_put(to, " event=");
	log_text_put(to, event);
	snprintf(more, sizeof(more), " pid=%d ", (int)getpid());
	log_text_put(to, more);
}

/* A descriptor that is kept could be closed and reused by the host process: so one for each line. */
static void file_put(const char *path, const char *text, size_t len)
{
	AUTO_FD
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd >= 0 && write(fd, text, len) < 0)
		return; /* a log that cannot be written stops nobody */
}

void log_line(enum log_level level, const char *part, const char *event, const char *fmt, ...)
{
	const struct log_setting *s = setting();
	if ((int)level > s->level)
		return;
	int kept = errno;
	struct log_text line = { .len = 0 };
	text_begin(&line, level, part, event);
	va_list args;
	va_start(args, fmt);
	log_text_format(&line, fmt, args);
	va_end(args);
	log_text_end(&line);
	if (s->target == TO_SYSLOG)
		syslog(levels[level].priority, "%.*s", (int)line.len - 1, line.text);
	else if (s->target == TO_FILE)
		file_put(s->path, line.text, line.len);
	else if (write(STDERR_FILENO, line.text, line.len) < 0)
		errno = kept; /* nobody to tell */
	errno = kept;
}
