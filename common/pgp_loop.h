#pragma once
#include "common/pgp_lib.h"

#include <stdbool.h>

/* libgpgme's input and output, in a loop of our own: its own waits for ever for an agent that waits for somebody who is
 * not there, and nobody can end it. */
struct pgp_loop;

/* From now on operations on `ctx`, which outlives the loop, are begun with *_start() and finished by pgp_loop_run().
 * The limit on all of them together is OKW_PGP_TIMEOUT of the environment, in seconds, else 120. */
enum err pgp_loop_new(const struct pgp_lib *lib, gpgme_ctx_t ctx, struct pgp_loop **out, struct errmsg *em) MUST_USE;
void pgp_loop_free(struct pgp_loop *loop);

/* Takes the keys that a listing gives; each is the taker's to unref. Before the operation; NULL: nobody. */
void pgp_loop_keys(struct pgp_loop *loop, void (*take)(void *user, gpgme_key_t key), void *user);
/* Until the operation is done, or its time is up; `started` is what *_start() said. */
gpgme_error_t pgp_loop_run(struct pgp_loop *loop, gpgme_error_t started);
/* ERR_TIMEOUT where the time was up. NULL: OK. */
enum err pgp_loop_check(const struct pgp_loop *loop, struct errmsg *em) MUST_USE;
