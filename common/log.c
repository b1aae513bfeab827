#include "common/log.h"

#include "common/utf8.h"

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

/* One line being made. What does not fit is cut, and shown to be. */
struct line {
	char text[4096];
	size_t len;
};

enum { LINE_SPARE = 8 }; /* for "...\n" */

static void line_put(struct line *l, const char *text, size_t len)
{
	size_t room = sizeof(l->text) - LINE_SPARE - l->len;
	if (len > room)
		len = room;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

/* Neither control characters, nor what changes the order or the number of lines on a terminal. */
static bool point_printable(uint32_t p)
{
	if (p < 0x20 || (p >= 0x7f && p < 0xa0))
		return false;
	return !(p == 0x061c || (p >= 0x200b && p <= 0x200f) || (p >= 0x2028 && p <= 0x202e) ||
		 (p >= 0x2060 && p <= 0x206f) || p == 0xfeff);
}

static void line_put_escaped(struct line *l, struct bytes text)
{
	for (size_t pos = 0; pos < text.len;) {
		size_t next = pos;
		uint32_t point = 0;
		if (text.data[pos] != '\\' && utf8_next(text, &next, &point) && point_printable(point)) {
			line_put(l, (const char *)text.data + pos, next - pos);
			pos = next;
			continue;
		}
		uint8_t c = text.data[pos++];
		char escaped[8];
		if (c == '\n' || c == '\r' || c == '\t' || c == '\\')
			snprintf(escaped, sizeof(escaped), "\\%c",
				 c == '\n'   ? 'n'
				 : c == '\r' ? 'r'
				 : c == '\t' ? 't'
					     : '\\');
		else
			snprintf(escaped, sizeof(escaped), "\\x%02x", c);
		line_put(l, escaped, strlen(escaped));
	}
}

static void line_begin(struct line *l, enum log_level level, const char *part, const char *event)
{
	struct timespec now;
	struct tm utc;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t n = strftime(l->text, 64, "%Y-%m-%dT%H:%M:%S", &utc);
	int more = snprintf(l->text + n, 256, ".%03ldZ level=%s part=%.64s event=%.64s pid=%d", now.tv_nsec / 1000000,
			    levels[level].name, part, event, (int)getpid());
	l->len = n + (more > 0 ? (size_t)more : 0);
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
	struct line line;
	line_begin(&line, level, part, event);
	char more[2048];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(more, sizeof(more), fmt, args);
	va_end(args);
	if (n > 0) {
		line_put(&line, " ", 1);
		line_put_escaped(&line, bytes_str(more));
	}
	if (n >= (int)sizeof(more))
		line_put(&line, "...", 3);
	line.text[line.len] = '\n';
	if (s->target == TO_SYSLOG)
		syslog(levels[level].priority, "%.*s", (int)line.len, line.text);
	else if (s->target == TO_FILE)
		file_put(s->path, line.text, line.len + 1);
	else if (write(STDERR_FILENO, line.text, line.len + 1) < 0)
		errno = kept;
	errno = kept;
}
