#include "common/libctx.h"

#include "common/fork_mark.h"
#include "common/openssl_errors.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* Published once per process, never freed. No lock: whoever loses the race throws its own away, so that a fork in
 * the middle leaves nothing held in the child, and a failure is tried again by the next caller. A forked child
 * makes its own: locks of the parent's, its random generator's above all, may be held by threads that are not
 * in the child. */
struct own {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *provider;
	struct fork_mark *mark;
};
static _Atomic(struct own *) published;
static _Thread_local unsigned depth;

/* OpenSSL 3.0 looks for engines in most EVP calls, whatever their context, and before the first look it loads the
 * process's configuration into the default context. That may name this module. So it happens here, at a known
 * place, marked as inside, and not somewhere in the middle of a signature. (Who has forbidden it, or is doing it
 * at this moment, is not disturbed: OpenSSL does it once.) */
static void configuration_load_inside(void)
{
	depth++;
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	depth--;
	openssl_errors_drop();
}

/* Freeing the context alone would leak what the loaded provider holds. */
static void own_free(struct own *own)
{
	if (own->provider)
		OSSL_PROVIDER_unload(own->provider);
	OSSL_LIB_CTX_free(own->ctx);
	fork_mark_free(own->mark);
	free(own);
	openssl_errors_drop();
}

static struct own *own_new(void)
{
	configuration_load_inside();
	struct own *own = calloc(1, sizeof(*own));
	if (!own)
		return NULL;
	/* This one is given no configuration: OSSL_LIB_CTX_load_config() is never called for it. */
	own->mark = fork_mark_new();
	own->ctx = own->mark ? OSSL_LIB_CTX_new() : NULL;
	own->provider = own->ctx ? OSSL_PROVIDER_load(own->ctx, "default") : NULL;
	if (own->provider)
		return own;
	own_free(own);
	return NULL;
}

OSSL_LIB_CTX *libctx(void)
{
	struct own *before = atomic_load_explicit(&published, memory_order_acquire);
	if (before && fork_mark_intact(before->mark))
		return before->ctx;
	struct own *mine = own_new();
	if (!mine)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(&published, &before, mine, memory_order_acq_rel,
						    memory_order_acquire))
		return mine->ctx;
	own_free(mine);
	return before->ctx; /* another thread's, made meanwhile */
}

struct libctx_guard libctx_enter(void)
{
	struct libctx_guard guard = { .before = OSSL_LIB_CTX_set0_default(libctx()) };
	depth++;
	return guard;
}

void libctx_leave(struct libctx_guard guard)
{
	if (depth > 0)
		depth--;
	OSSL_LIB_CTX_set0_default(guard.before);
}

bool libctx_inside(void)
{
	return depth > 0;
}
