#pragma once
#include "common/cleanup.h"
#include "common/err.h"

#include <openssl/ssl.h>
#include <stdbool.h>

AUTO_OF_DEFINE(SSL_CTX, SSL_CTX_free)

/* TLS 1.2 and newer for HTTP/2, in libctx(). */

struct wire_tls {
	const char *
		ca; /* PEM: who vouches for the peer. A client: NULL: the system's. A server: NULL: any peer may come */
	const char *certificate; /* PEM, with its chain. A client: NULL: none */
	const char *key; /* any form of key.h, readable by its owner alone */
	bool server;
};
/* The key file is checked and read at once. ERR_CONFIG, ERR_NOT_FOUND, ERR_PARSE. */
enum err wire_tls_new(const struct wire_tls *options, SSL_CTX **out, struct errmsg *em) MUST_USE;
