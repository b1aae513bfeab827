#define _GNU_SOURCE 1
#include "keywrap/pgp_lib.h"

#include "common/cleanup.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#if GPGME_VERSION_NUMBER >= 0x020000
#define LIBRARY "libgpgme.so.45"
#else
#define LIBRARY "libgpgme.so.11"
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pgp_lib lib; /* written once */
static bool loaded;
static struct errmsg why_not;

void pgp_quiet_begin(struct pgp_quiet *quiet)
{
	sigset_t pipes;
	sigset_t pending;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	sigpending(&pending);
	quiet->pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipes, &quiet->before);
}

void pgp_quiet_end(const struct pgp_quiet *quiet)
{
	static const struct timespec at_once = { 0, 0 };
	sigset_t pipes;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	if (!quiet->pending)
		while (sigtimedwait(&pipes, NULL, &at_once) > 0) {
		}
	pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static void lib_load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		err_set(&why_not, ERR_UNSUPPORTED, "OpenPGP keys need " LIBRARY ", which is not here");
		return;
	}
#define X(name) lib.name = (__typeof__(lib.name))(void *)dlsym(handle, "gpgme_" #name);
	PGP_FUNCTIONS(X)
#undef X
#define X(name) lib.name &&
	bool whole = PGP_FUNCTIONS(X) true;
#undef X
	/* It ignores SIGPIPE for the whole process where nobody handles it: that is the host process's to decide. */
	struct sigaction before;
	sigaction(SIGPIPE, NULL, &before);
	if (whole && lib.check_version("1.12.0"))
		loaded = true;
	else
		err_set(&why_not, ERR_UNSUPPORTED, "OpenPGP keys need " LIBRARY ", version 1.12 or newer");
	sigaction(SIGPIPE, &before, NULL);
}

enum err pgp_lib_get(const struct pgp_lib **out, struct errmsg *em)
{
	pthread_once(&once, lib_load);
	*out = &lib;
	return loaded ? OK : err_set(em, ERR_UNSUPPORTED, "%s", why_not.text);
}

enum err pgp_lib_error(struct errmsg *em, enum err e, gpgme_error_t error, const char *what)
{
	char text[200] = "";
	lib.strerror_r(error, text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	if (gpgme_err_code(error) == GPG_ERR_INV_ENGINE)
		return err_set(em, ERR_UNSUPPORTED, "%s: OpenPGP keys need gpg, which is not here", what);
	return err_set(em, e, "%s: %s", what, text);
}
