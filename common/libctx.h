#pragma once
#include "common/err.h"

#include <openssl/types.h>
#include <stdbool.h>

/* Our own OSSL_LIB_CTX: default provider only, no configuration file, so that an application whose
 * configuration names us as its provider does not call into itself. Made on first use, once per process (a forked
 * child makes another, since its parent's locks may be held by threads that it has not), never freed. The first
 * call lets OpenSSL load the process's configuration into the default context, as its own next EVP call would (it
 * looks for engines there); what that calls back finds libctx_inside(). Pass it to every *_fetch,
 * EVP_PKEY_CTX_new_from_*, RAND_bytes_ex, OSSL_DECODER ... Where memory is short a spare one stands in; NULL only if
 * there was not even memory for that, which libctx_prepare() can rule out. */
OSSL_LIB_CTX *libctx(void);
/* Makes the spare one (some 50 us, no algorithm is loaded). False without memory. */
bool libctx_prepare(void);

/* How to name a kind of key to EVP_PKEY_CTX_new_from_name(). Where OpenSSL 3.0 knows the legacy number of a name it
 * asks the application's default ENGINE first, whatever the context; an object identifier it looks up nowhere else. */
#define LIBCTX_EC "1.2.840.10045.2.1"
#define LIBCTX_RSA "1.2.840.113549.1.1.1"

/* Makes it the calling thread's default around code that knows no contexts (libcurl's TLS), and marks the
 * thread as being inside. Nests. */
struct libctx_guard {
	OSSL_LIB_CTX *before;
};
struct libctx_guard libctx_enter(void);
void libctx_leave(struct libctx_guard guard);
/* True while this thread is between the two: a call into the module from there is refused. */
bool libctx_inside(void);
