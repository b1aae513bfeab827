#include "common/err.h"

#include "common/openssl_errors.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Rows of one table: the word that logs and JSON output use, and the exit code of the commands. */
static const struct {
	const char *name;
	int exit_code;
} table[ERR_COUNT_] = {
	[OK] = { "ok", 0 },
	[ERR_INTERNAL] = { "internal", 1 },
	[ERR_NOMEM] = { "no-memory", 1 },
	[ERR_ARG] = { "argument", 2 },
	[ERR_CONFIG] = { "configuration", 3 },
	[ERR_IO] = { "io", 10 },
	[ERR_EXISTS] = { "exists", 10 },
	[ERR_NOT_FOUND] = { "not-found", 6 },
	[ERR_PARSE] = { "malformed", 8 },
	[ERR_LIMIT] = { "too-large", 8 },
	[ERR_UNSUPPORTED] = { "unsupported", 8 },
	[ERR_NET] = { "network", 4 },
	[ERR_TIMEOUT] = { "timeout", 4 },
	[ERR_TLS] = { "tls", 4 },
	[ERR_PROTO] = { "protocol", 8 },
	[ERR_ATTEST] = { "attestation", 5 },
	[ERR_AUTH] = { "not-authenticated", 5 },
	[ERR_DENIED] = { "denied", 5 },
	[ERR_EXPIRED] = { "expired", 5 },
	[ERR_INTEGRITY] = { "integrity", 7 },
	[ERR_CRYPTO] = { "crypto", 7 },
	[ERR_KEY] = { "key", 9 },
	[ERR_BUSY] = { "busy", 4 },
	[ERR_MISUSE] = { "misuse", 1 },
};

/* The arguments may point into em->text, so the new text is made aside. */
__attribute__((format(printf, 2, 0))) static void format(struct errmsg *to, const char *fmt, va_list args)
{
	if (vsnprintf(to->text, sizeof(to->text), fmt, args) < 0)
		to->text[0] = '\0';
}

static void append(struct errmsg *to, const char *more)
{
	size_t used = strlen(to->text);
	/* A text that is too long is cut: the front says what failed. */
	if (snprintf(to->text + used, sizeof(to->text) - used, ": %s", more) < 0)
		to->text[used] = '\0';
}

enum err err_set(struct errmsg *em, enum err e, const char *fmt, ...)
{
	if (!em)
		return e;
	struct errmsg now;
	va_list args;
	va_start(args, fmt);
	format(&now, fmt, args);
	va_end(args);
	*em = now;
	return e;
}

enum err err_nomem(struct errmsg *em, const char *what)
{
	return err_set(em, ERR_NOMEM, "no memory for %s", what);
}

enum err err_wrap(struct errmsg *em, enum err e, const char *fmt, ...)
{
	if (!em)
		return e;
	struct errmsg now;
	va_list args;
	va_start(args, fmt);
	format(&now, fmt, args);
	va_end(args);
	append(&now, em->text[0] ? em->text : err_name(e));
	*em = now;
	return e;
}

enum err err_errno(struct errmsg *em, enum err e, const char *fmt, ...)
{
	int why = errno;
	if (!em)
		return e;
	struct errmsg now;
	va_list args;
	va_start(args, fmt);
	format(&now, fmt, args);
	va_end(args);
	char space[128];
	append(&now, strerror_r(why, space, sizeof(space)));
	*em = now;
	return e;
}

/* Reasons are constant texts; the data that may be queued beside them could quote an input and is left out. */
static void append_openssl(struct errmsg *to, unsigned long code)
{
	char space[128];
	if (code == 0)
		append(to, "OpenSSL gave no reason");
	else if (ERR_SYSTEM_ERROR(code))
		append(to, strerror_r(ERR_GET_REASON(code), space, sizeof(space)));
	else if (ERR_reason_error_string(code))
		append(to, ERR_reason_error_string(code));
	else {
		snprintf(space, sizeof(space), "OpenSSL error %08lX", code);
		append(to, space);
	}
}

enum err err_openssl(struct errmsg *em, enum err e, const char *fmt, ...)
{
	unsigned long oldest = openssl_errors_oldest();
	/* Whatever the caller was about to say of its input: it is not known. */
	if (openssl_errors_no_memory())
		e = ERR_NOMEM;
	openssl_errors_drop();
	if (!em)
		return e;
	struct errmsg now;
	va_list args;
	va_start(args, fmt);
	format(&now, fmt, args);
	va_end(args);
	append_openssl(&now, oldest);
	*em = now;
	return e;
}

const char *err_name(enum err e)
{
	return (unsigned)e < ERR_COUNT_ ? table[e].name : "unknown";
}

int err_exit_code(enum err e)
{
	return (unsigned)e < ERR_COUNT_ ? table[e].exit_code : 1;
}
