#pragma once
#include "common/err.h"

#include <gpgme.h>

/* libgpgme, loaded at the first OpenPGP key: it, libassuan and libgpg-error have no place in programs that never meet
 * one, and there are many of those. Never unloaded. */

#define PGP_FUNCTIONS(X)                                                                                               \
	X(cancel)                                                                                                      \
	X(check_version)                                                                                               \
	X(ctx_set_engine_info)                                                                                         \
	X(data_new_from_cbs)                                                                                           \
	X(data_new_from_mem)                                                                                           \
	X(data_release)                                                                                                \
	X(get_key)                                                                                                     \
	X(io_writen)                                                                                                   \
	X(key_unref)                                                                                                   \
	X(new)                                                                                                         \
	X(op_decrypt_result)                                                                                           \
	X(op_decrypt_start)                                                                                            \
	X(op_encrypt_start)                                                                                            \
	X(op_export_start)                                                                                             \
	X(op_import_result)                                                                                            \
	X(op_import_start)                                                                                             \
	X(op_keylist_start)                                                                                            \
	X(op_verify_result)                                                                                            \
	X(op_verify_start)                                                                                             \
	X(release)                                                                                                     \
	X(set_io_cbs)                                                                                                  \
	X(set_passphrase_cb)                                                                                           \
	X(set_pinentry_mode)                                                                                           \
	X(strerror_r)

struct pgp_lib {
#define X(name) __typeof__(gpgme_##name) *name;
	PGP_FUNCTIONS(X)
#undef X
};

/* ERR_UNSUPPORTED: there is no libgpgme, or no gpg, here. Static. */
enum err pgp_lib_get(const struct pgp_lib **out, struct errmsg *em) MUST_USE;

/* err_set() with the library's text appended. */
enum err pgp_lib_error(struct errmsg *em, enum err e, gpgme_error_t error, const char *what);
