#pragma once
#include "common/bytes.h"

/* An HTTP/1.1 server for tests: in threads of this process, on 127.0.0.1 and a free port, that answers as the test
 * says, well or badly, and counts. It aborts the test where it cannot start. */
struct http_peer;

struct http_peer_request {
	char method[16];
	char target[1024]; /* "/kbs/v0/auth?query" */
	struct buf head; /* request line and header lines as they came, NUL-terminated text */
	struct buf body; /* NUL-terminated too */
};
/* malloc'd value of a header, NULL if there is none. Names in any letter case. */
char *http_peer_request_header(const struct http_peer_request *r, const char *name);

struct http_peer_reply {
	int status; /* 0 = 200 */
	const char *headers; /* further header lines, each with "\r\n", or NULL */
	struct bytes body;
	char *body_owned; /* malloc'd text instead of `body`; the peer frees it. For `answer` functions */
	const char *raw; /* the whole answer as it goes out, instead of all the above; then the connection closes */
	size_t flood; /* so many bytes 'x' as the body instead, without Content-Length (until closed) */
	unsigned delay_ms; /* before the answer */
	unsigned byte_ms; /* between single bytes of the answer */
	size_t cut_after; /* closes after so many bytes of the answer; SIZE_MAX: without any. 0 = never */
	bool close; /* says "Connection: close" and does it */
	bool drop; /* closes after the answer without saying so: a stale keep-alive connection */
};

enum http_peer_tls {
	HTTP_PEER_PLAIN,
	HTTP_PEER_TLS, /* certificate for localhost, 127.0.0.1: http_peer_ca_pem() */
	HTTP_PEER_TLS_OTHER_NAME, /* for elsewhere.example */
	HTTP_PEER_TLS_EXPIRED,
};

struct http_peer_options {
	/* The n-th request of all gets the n-th reply, the last one again and again... */
	const struct http_peer_reply *script;
	size_t script_len;
	/* ...or what this function says: called in a thread of the connection, one call at a time. */
	void (*answer)(void *ctx, const struct http_peer_request *request, struct http_peer_reply *reply);
	void *ctx;
	enum http_peer_tls tls;
};
/* The script and its strings must outlive the peer. */
struct http_peer *http_peer_start(const struct http_peer_options *options);
void http_peer_free(struct http_peer *peer); /* closes all, joins all, frees; NULL is fine */
AUTO_DEFINE(http_peer)

const char *http_peer_url(const struct http_peer *peer); /* "http://127.0.0.1:PORT", no slash at the end */
uint16_t http_peer_port(const struct http_peer *peer);
const char *http_peer_ca_pem(const struct http_peer *peer); /* NULL without TLS */

unsigned http_peer_connections(struct http_peer *peer); /* accepted so far */
unsigned http_peer_requests(struct http_peer *peer); /* read so far */
/* The n-th request, from 0, that was read so far (at most 256 are kept); stays until the peer stops. */
const struct http_peer_request *http_peer_request(struct http_peer *peer, unsigned n);
/* True once `n` connections in all have been closed by the other side or by the peer; waits at most 5 s. */
bool http_peer_wait_closed(struct http_peer *peer, unsigned n);
