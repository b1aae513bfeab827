#pragma once
#include "common/deadline.h"
#include "common/secret.h"

#include <openssl/ssl.h>

/* A connected socket, with or without TLS around what goes through it. Nothing here waits but wire_wait(). Where there
 * is TLS, SIGPIPE must be blocked (common/sigpipe.h). */

struct wire {
	int fd; /* -1: none */
	SSL *ssl; /* NULL: plain */
	short events; /* what to wait for before the same call is worth a try, POLLIN or POLLOUT */
};
void wire_clear(struct wire *wire); /* closes */
#define AUTO_WIRE __attribute__((cleanup(wire_clear))) struct wire

/* Takes the socket, which does not block; `tls` NULL: plain. A client says whom it means with `host`, a name or a
 * number, which the peer's certificate must have. */
enum err wire_client(struct wire *out, int fd, SSL_CTX *tls, const char *host, struct errmsg *em) MUST_USE;
enum err wire_server(struct wire *out, int fd, SSL_CTX *tls, struct errmsg *em) MUST_USE;

/* *done: the peer is who it should be, and both speak "h2". Plain: at once. ERR_TLS, ERR_NET. */
enum err wire_handshake(struct wire *wire, bool *done, struct errmsg *em) MUST_USE;

/* *n == 0: would block. ERR_NET: the peer closed it. */
struct wire_room {
	uint8_t *to;
	size_t len;
};
enum err wire_read(struct wire *wire, struct wire_room room, size_t *n, struct errmsg *em) MUST_USE;
enum err wire_write(struct wire *wire, struct bytes what, size_t *n, struct errmsg *em) MUST_USE;
/* True where wire_read() may give something although poll() says nothing. */
bool wire_pending(const struct wire *wire);

/* Until wire->events come, or something else; ERR_TIMEOUT at the deadline. */
enum err wire_wait(const struct wire *wire, struct deadline until, struct errmsg *em) MUST_USE;
