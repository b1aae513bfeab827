#define _GNU_SOURCE 1
#include "common/pgp_lib.h"

#include "common/cleanup.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#if GPGME_VERSION_NUMBER >= 0x020000
#define LIBRARY "libgpgme.so.45"
#else
#define LIBRARY "libgpgme.so.11"
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pgp_lib lib; /* written once */
static bool loaded;
static struct errmsg why_not;

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
