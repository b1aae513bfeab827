#include "common/libctx.h"

#include "common/cleanup.h"
#include "common/crypto_gate.h"
#include "common/fork_mark.h"
#include "common/openssl_errors.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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
static THREAD_LOCAL unsigned depth;

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

/* One kind of algorithms: how one of them is fetched and let go. */
#define FETCHES(name, type)                                                                                            \
	static bool fetches_##name(OSSL_LIB_CTX *ctx, const char *algorithm, const char *properties)                   \
	{                                                                                                              \
		type *got = type##_fetch(ctx, algorithm, properties);                                                  \
		type##_free(got);                                                                                      \
		return got != NULL;                                                                                    \
	}
FETCHES(digest, EVP_MD)
FETCHES(cipher, EVP_CIPHER)
FETCHES(mac, EVP_MAC)
FETCHES(kdf, EVP_KDF)
FETCHES(rand, EVP_RAND)
FETCHES(keymgmt, EVP_KEYMGMT)
FETCHES(keyexch, EVP_KEYEXCH)
FETCHES(signature, EVP_SIGNATURE)
FETCHES(asym_cipher, EVP_ASYM_CIPHER)
FETCHES(encoder, OSSL_ENCODER)
FETCHES(decoder, OSSL_DECODER)

static const struct {
	int operation;
	bool (*fetches)(OSSL_LIB_CTX *ctx, const char *algorithm, const char *properties);
} kinds[] = {
	{ OSSL_OP_DIGEST, fetches_digest },
	{ OSSL_OP_CIPHER, fetches_cipher },
	{ OSSL_OP_MAC, fetches_mac },
	{ OSSL_OP_KDF, fetches_kdf },
	{ OSSL_OP_RAND, fetches_rand },
	{ OSSL_OP_KEYMGMT, fetches_keymgmt },
	{ OSSL_OP_KEYEXCH, fetches_keyexch },
	{ OSSL_OP_SIGNATURE, fetches_signature },
	{ OSSL_OP_ASYM_CIPHER, fetches_asym_cipher },
	{ OSSL_OP_ENCODER, fetches_encoder },
	{ OSSL_OP_DECODER, fetches_decoder },
};

/* OpenSSL makes all algorithms of a kind at the first fetch of one, and never again: what it had no memory for then is
 * missing for good, and random generators that were half made stay so. So a context is published with all of them, or
 * not at all. */
static bool own_is_whole(const struct own *own)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int no_cache = 0;
		const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(own->provider, kinds[i].operation, &no_cache);
		for (; a && a->algorithm_names; a++) {
			char name[64];
			size_t len = strcspn(a->algorithm_names, ":");
			if (len >= sizeof(name))
				continue;
			memcpy(name, a->algorithm_names, len);
			name[len] = '\0';
			if (!kinds[i].fetches(own->ctx, name, a->property_definition))
				return false;
		}
	}
	/* Not RAND_bytes_ex(), which asks the application's ENGINE where it has one for random numbers. */
	EVP_RAND_CTX *generators[] = { RAND_get0_public(own->ctx), RAND_get0_private(own->ctx) };
	unsigned char byte;
	for (size_t i = 0; i < sizeof(generators) / sizeof(*generators); i++)
		if (!generators[i] || EVP_RAND_generate(generators[i], &byte, 1, 0, 0, NULL, 0) != 1)
			return false;
	return true;
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
	if (own->provider && own_is_whole(own))
		return own;
	own_free(own);
	return NULL;
}

/* Stands in where there is no memory for a whole one: a NULL would mean the application's own context. OpenSSL gives a
 * context that was told of no provider the default one. */
static _Atomic(OSSL_LIB_CTX *) spare;

bool libctx_prepare(void)
{
	OSSL_LIB_CTX *before = NULL;
	if (atomic_load(&spare))
		return true;
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();
	if (made && !atomic_compare_exchange_strong(&spare, &before, made))
		OSSL_LIB_CTX_free(made);
	return made || before;
}

OSSL_LIB_CTX *libctx(void)
{
	struct own *before = atomic_load_explicit(&published, memory_order_acquire);
	if (before && fork_mark_intact(before->mark))
		return before->ctx;
	(void)libctx_prepare();
	crypto_gate_enter();
	struct own *mine = own_new();
	if (!mine)
		mine = own_new(); /* what was missing may have been missing for a moment */
	crypto_gate_leave();
	if (!mine)
		return atomic_load(&spare);
	if (atomic_compare_exchange_strong_explicit(&published, &before, mine, memory_order_acq_rel,
						    memory_order_acquire))
		return mine->ctx;
	crypto_gate_enter();
	own_free(mine);
	crypto_gate_leave();
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
