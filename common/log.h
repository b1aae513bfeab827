#pragma once
#include <stdbool.h>

/* Logging: off unless KBS_PKCS11_LOG asks for it: LEVEL[:stderr|:syslog|:/absolute/file], LEVEL one of
 * error, warn, info, debug. One line an event, key=value, never a secret at any level:
 *   2026-01-02T03:04:05.678Z level=warn part=kbc event=retry pid=42 url=https://kbs attempt=2
 * Read once per process (and again in a forked child). A setuid program ignores the variable; a wrong value is told
 * on standard error, once. The file is made with mode 0600 and opened anew for each line: the host process may close
 * descriptors that it does not know. A line is one write(2), at most 4096 bytes. Keeps errno. */
enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

bool log_enabled(enum log_level level);
/* `fmt` makes the further pairs; a value with blanks or from outside goes through %s inside "...". log_line escapes
 * what could end a value or a line (quotes, control characters) and knows %s %d %i %u %x %c %p, no floats. */
void log_line(enum log_level level, const char *part, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#define log_error(part, event, ...) log_line(LOG_ERROR_, part, event, __VA_ARGS__)
#define log_warn(part, event, ...) log_line(LOG_WARN_, part, event, __VA_ARGS__)
#define log_info(part, event, ...) (log_enabled(LOG_INFO_) ? log_line(LOG_INFO_, part, event, __VA_ARGS__) : (void)0)
#define log_debug(part, event, ...) (log_enabled(LOG_DEBUG_) ? log_line(LOG_DEBUG_, part, event, __VA_ARGS__) : (void)0)
