#pragma once
#include "common/pgp_home.h"
#include "common/pgp_loop.h"
#include "common/secret.h"
#include "common/sigpipe.h"

/* One piece of work for GnuPG: a context of libgpgme, and what goes around it. */
struct pgp_work {
	const struct pgp_lib *lib;
	gpgme_ctx_t ctx;
	struct pgp_loop *loop;
	const struct secret *passphrase; /* of secret keys, set before it begins; NULL: none is known */
	struct sigpipe_guard pipe; /* libgpgme writes to pipes */
};

/* home NULL: the user's own, with its agent and its ways to ask for a passphrase. Elsewhere nobody is asked: a message
 * may pretend to want one. The structure must not move while it works. ERR_UNSUPPORTED, ERR_CRYPTO, ERR_NOMEM. */
enum err pgp_work_begin(struct pgp_work *work, const struct pgp_home *home, struct errmsg *em) MUST_USE;
/* pgp_lib_error(), but for work whose time is up. */
enum err pgp_work_failed(const struct pgp_work *work, enum err e, gpgme_error_t error, const char *what,
			 struct errmsg *em);
void pgp_work_end(struct pgp_work *work);
#define AUTO_PGP_WORK __attribute__((cleanup(pgp_work_end))) struct pgp_work
