#pragma once
#include <stdarg.h>
#include <stddef.h>

/* One line of the log being made. Private to log.c. What does not fit is left out, and "..." shows it. */
struct log_text {
	char text[4096];
	size_t len;
};

/* Appends `text` as it stands: ours. */
void log_text_put(struct log_text *to, const char *text);

/* Appends pairs as printf would, with %s %d %i %u %x %c %p %%, their lengths, widths and precisions, nothing else.
 * What comes from outside stays inside its value: control characters, quotes, backslashes, what is no
 * UTF-8 and what turns the writing direction are escaped; a value that `fmt` has not put into quotes is put into
 * them where it holds blanks or '='. */
void log_text_format(struct log_text *to, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

/* Ends the line with the newline; there is always room for that. */
void log_text_end(struct log_text *to);
