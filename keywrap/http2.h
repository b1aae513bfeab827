#pragma once
#include "keywrap/outbox.h"

#include <nghttp2/nghttp2.h>

/* HTTP/2 by nghttp2, as gRPC's two sides need it. nghttp2 sees no secret but in passing: what comes in is handed on
 * from the caller's buffer, and what goes out is put behind its frame's header by us (NGHTTP2_DATA_FLAG_NO_COPY). */

#define HTTP2_INPUT 16384 /* how much is read at once */

/* The first member of what nghttp2 has as its user data. */
struct http2 {
	nghttp2_session *session;
	struct outbox out;
};
void http2_clear(struct http2 *h);

/* What a stream sends: the source's ptr. */
struct http2_body {
	struct secret *data;
	size_t sent;
	bool trailers; /* follow: the data do not end the stream */
};
nghttp2_data_provider http2_provider(struct http2_body *body);

/* With the callbacks that send, to be freed. NULL without memory. */
nghttp2_session_callbacks *http2_callbacks(void);
/* Bounds on what a peer can make nghttp2 keep. NULL without memory. */
nghttp2_option *http2_options(void);

/* Feeds what came in. ERR_PROTO: the connection is beyond repair. */
enum err http2_input(struct http2 *h, struct bytes in, struct errmsg *em) MUST_USE;
/* Fills h->out with what may go out. */
enum err http2_output(struct http2 *h, struct errmsg *em) MUST_USE;

/* Names and values are borrowed until they are sent, or copied by nghttp2 (without flags). */
nghttp2_nv http2_header(const char *name, struct bytes value);
static inline bool http2_is(const uint8_t *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}
