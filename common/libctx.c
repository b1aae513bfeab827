#include "common/libctx.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <stddef.h>

/* Published once, never freed. No lock: whoever loses the race throws its own away, so that a fork in the
 * middle leaves nothing held in the child, and a failure is tried again by the next caller. */
static _Atomic(OSSL_LIB_CTX *) published;
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
	ERR_clear_error();
}

struct context {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *provider;
};

/* Freeing the context alone would leak what the loaded provider holds. */
static void context_free(struct context c)
{
	if (c.provider)
		OSSL_PROVIDER_unload(c.provider);
	OSSL_LIB_CTX_free(c.ctx);
	ERR_clear_error();
}

static struct context context_new(void)
{
	configuration_load_inside();
	/* This one is given no configuration: OSSL_LIB_CTX_load_config() is never called for it. */
	struct context c = { .ctx = OSSL_LIB_CTX_new() };
	if (c.ctx)
		c.provider = OSSL_PROVIDER_load(c.ctx, "default");
	return c;
}

OSSL_LIB_CTX *libctx(void)
{
	OSSL_LIB_CTX *first = atomic_load_explicit(&published, memory_order_acquire);
	if (first)
		return first;
	struct context mine = context_new();
	if (mine.provider && atomic_compare_exchange_strong_explicit(&published, &first, mine.ctx, memory_order_acq_rel,
								     memory_order_acquire))
		return mine.ctx;
	context_free(mine);
	return atomic_load_explicit(&published, memory_order_acquire);
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
