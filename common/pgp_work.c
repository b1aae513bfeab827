#include "common/pgp_work.h"

static gpgme_error_t passphrase_give(void *hook, const char *hint, const char *info, int again, int fd)
{
	const struct pgp_work *w = hook;
	struct bytes text = secret_bytes(w->passphrase);
	(void)info;
	/* For a secret key only, which has a hint: a message inside the message may be encrypted with a passphrase. */
	if (!w->passphrase || !hint)
		return gpgme_error(GPG_ERR_NO_PASSPHRASE);
	if (again)
		return gpgme_error(GPG_ERR_BAD_PASSPHRASE);
	if (w->lib->io_writen(fd, text.data, text.len) != 0 || w->lib->io_writen(fd, "\n", 1) != 0)
		return gpgme_error(GPG_ERR_EPIPE);
	return 0;
}

enum err pgp_work_begin(struct pgp_work *w, const struct pgp_home *home, struct errmsg *em)
{
	const struct pgp_lib *lib = NULL;
	enum err e = pgp_lib_get(&lib, em);
	if (e != OK)
		return e;
	w->lib = lib;
	w->pipe = sigpipe_block();
	gpgme_error_t error = lib->new (&w->ctx);
	if (!error && home)
		error = lib->ctx_set_engine_info(w->ctx, GPGME_PROTOCOL_OpenPGP, NULL, pgp_home_path(home));
	if (!error && home) {
		error = lib->set_pinentry_mode(w->ctx, GPGME_PINENTRY_MODE_LOOPBACK);
		lib->set_passphrase_cb(w->ctx, passphrase_give, w);
	}
	if (error)
		return pgp_lib_error(em, ERR_CRYPTO, error, "GnuPG");
	return pgp_loop_new(lib, w->ctx, &w->loop, em);
}

enum err pgp_work_failed(const struct pgp_work *w, enum err e, gpgme_error_t error, const char *what, struct errmsg *em)
{
	enum err late = pgp_loop_check(w->loop, em);
	return late == OK ? pgp_lib_error(em, e, error, what) : late;
}

void pgp_work_end(struct pgp_work *w)
{
	if (w->ctx)
		w->lib->release(w->ctx);
	pgp_loop_free(w->loop);
	if (w->lib)
		sigpipe_unblock(&w->pipe);
	w->ctx = NULL;
}
