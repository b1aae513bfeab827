#pragma once
#include "common/http_lane.h"

/* One HTTP/2 connection, RFC 9113, that any number of exchanges share. libcurl makes it (names, proxies, TLS, who is at
 * its other end), nghttp2 speaks on it, and a thread of its own moves the bytes. Every exchange has a window of
 * HTTP2_WINDOW bytes: one whose answer nobody reads holds up no other, and no more than that piles up here. libcurl's
 * own HTTP/2 would do neither: up to 8.1 a transfer that is paused stops its whole connection. */
struct http2_link;

#define HTTP2_WINDOW ((size_t)512 << 10)

/* *out: NULL where the server speaks HTTP/1.1 alone. Blocks. Errors as of http_pool_call(). */
enum err http2_link_open(struct http_pool *pool, const char *url, struct http2_link **out, struct errmsg *em) MUST_USE;
/* Whether it takes another exchange. *http1: the server said that this is not for HTTP/2. */
bool http2_link_usable(struct http2_link *link, bool *http1);
struct http2_link *http2_link_share(struct http2_link *link);
void http2_link_free(struct http2_link *link); /* by each user */

/* One request and its answer. */
struct http2_exchange;
/* As http_lane_begin(). Holds the link. */
enum err http2_exchange_begin(struct http2_link *link, const struct http_hop *hop, struct http2_exchange **out,
			      struct errmsg *em) MUST_USE;
enum err http2_exchange_read(struct http2_exchange *x, struct stream_window to, size_t *got,
			     struct errmsg *em) MUST_USE;
void http2_exchange_free(struct http2_exchange *x);
