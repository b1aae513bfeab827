#pragma once
#include "tests/support/http_peer.h"

#include <openssl/ssl.h>

/* A server's context with a fresh key and a certificate that it signed itself; *pem: malloc'd. */
SSL_CTX *http_peer_tls_new(enum http_peer_tls kind, char **pem);
