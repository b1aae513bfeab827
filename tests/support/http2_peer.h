#pragma once
#include "common/bytes.h"

/* A server of HTTP/2 for tests, with TLS, in threads of this process, on loopback and a free port. What it does is in
 * the path: "/big" and all others answer 200 with HTTP2_PEER_BIG or HTTP2_PEER_SMALL bytes, the n-th of which is n %
 * 251;
 * "/reset" breaks its stream at the end, "/gone" the connection at once, "/bye" says goodbye to it, "/never" does not
 * answer, "/flood" has 120 KB of headers, "/moved" leads to "/small", "/upload" says in "received" how much of the same
 * bytes it got. "asked" says the path as it came. It aborts the test where it cannot start. */
struct http2_peer;

#define HTTP2_PEER_BIG ((size_t)3 << 20) /* more than any window */
#define HTTP2_PEER_SMALL ((size_t)200000)

struct http2_peer *http2_peer_start(void);
void http2_peer_free(struct http2_peer *peer); /* closes all, joins all; NULL is fine */
AUTO_DEFINE(http2_peer)

uint16_t http2_peer_port(const struct http2_peer *peer);
const char *http2_peer_ca_pem(const struct http2_peer *peer);
unsigned http2_peer_connections(struct http2_peer *peer); /* accepted so far */
