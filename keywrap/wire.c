#define _GNU_SOURCE 1
#include "keywrap/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

static const uint8_t h2[] = { 2, 'h', '2' };

void wire_clear(struct wire *wire)
{
	if (wire->ssl) {
		(void)SSL_shutdown(wire->ssl); /* what goes into the socket's buffer at once, or nothing */
		ERR_clear_error();
		SSL_free(wire->ssl);
	}
	if (wire->fd >= 0)
		close(wire->fd);
	*wire = (struct wire){ .fd = -1 };
}

static enum err wire_begin(struct wire *out, int fd, SSL_CTX *tls, struct errmsg *em)
{
	*out = (struct wire){ .fd = fd, .events = POLLIN };
	if (!tls)
		return OK;
	out->ssl = SSL_new(tls);
	if (!out->ssl || SSL_set_fd(out->ssl, fd) != 1)
		return err_openssl(em, ERR_NOMEM, "no TLS");
	return OK;
}

enum err wire_client(struct wire *out, int fd, SSL_CTX *tls, const char *host, struct errmsg *em)
{
	struct in6_addr number;
	enum err e = wire_begin(out, fd, tls, em);
	if (e != OK || !tls)
		return e;
	bool is_number = inet_pton(AF_INET, host, &number) == 1 || inet_pton(AF_INET6, host, &number) == 1;
	X509_VERIFY_PARAM *param = SSL_get0_param(out->ssl);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	int good = is_number ? X509_VERIFY_PARAM_set1_ip_asc(param, host)
			     : SSL_set1_host(out->ssl, host) == 1 && SSL_set_tlsext_host_name(out->ssl, host) == 1;
	if (good != 1 || SSL_set_alpn_protos(out->ssl, h2, sizeof(h2)) != 0)
		return err_openssl(em, ERR_ARG, "TLS with \"%.100s\"", host);
	SSL_set_verify(out->ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_connect_state(out->ssl);
	return OK;
}

enum err wire_server(struct wire *out, int fd, SSL_CTX *tls, struct errmsg *em)
{
	enum err e = wire_begin(out, fd, tls, em);
	if (e == OK && tls)
		SSL_set_accept_state(out->ssl);
	return e;
}

/* OK: would block, and wire->events say on what. */
static enum err tls_judge(struct wire *wire, int result, const char *what, struct errmsg *em)
{
	int error = errno;
	long verify = SSL_get_verify_result(wire->ssl);
	switch (SSL_get_error(wire->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		wire->events = POLLIN;
		return OK;
	case SSL_ERROR_WANT_WRITE:
		wire->events = POLLOUT;
		return OK;
	case SSL_ERROR_ZERO_RETURN:
		return err_set(em, ERR_NET, "the connection was closed");
	case SSL_ERROR_SYSCALL:
		errno = error;
		return error ? err_errno(em, ERR_NET, "%s", what) : err_set(em, ERR_NET, "the connection was closed");
	default:
		if (verify != X509_V_OK)
			return err_set(em, ERR_TLS, "its certificate: %s", X509_verify_cert_error_string(verify));
		return err_openssl(em, ERR_TLS, "TLS, %s", what);
	}
}

enum err wire_handshake(struct wire *wire, bool *done, struct errmsg *em)
{
	const uint8_t *protocol = NULL;
	unsigned len = 0;
	*done = true;
	if (!wire->ssl)
		return OK;
	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(wire->ssl);
	if (result != 1) {
		*done = false;
		return tls_judge(wire, result, "the handshake", em);
	}
	SSL_get0_alpn_selected(wire->ssl, &protocol, &len);
	if (len != 2 || memcmp(protocol, h2 + 1, 2) != 0)
		return err_set(em, ERR_TLS, "the peer does not speak HTTP/2");
	return OK;
}

enum err wire_read(struct wire *wire, struct wire_room room, size_t *n, struct errmsg *em)
{
	*n = 0;
	wire->events = POLLIN;
	if (wire->ssl) {
		ERR_clear_error();
		errno = 0;
		int result = SSL_read_ex(wire->ssl, room.to, room.len, n);
		return result == 1 ? OK : tls_judge(wire, result, "cannot receive", em);
	}
	ssize_t got = recv(wire->fd, room.to, room.len, 0);
	if (got == 0)
		return err_set(em, ERR_NET, "the connection was closed");
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? OK : err_errno(em, ERR_NET, "cannot receive");
	*n = (size_t)got;
	return OK;
}

enum err wire_write(struct wire *wire, struct bytes what, size_t *n, struct errmsg *em)
{
	*n = 0;
	wire->events = POLLOUT;
	if (wire->ssl) {
		ERR_clear_error();
		errno = 0;
		int result = SSL_write_ex(wire->ssl, what.data, what.len, n);
		return result == 1 ? OK : tls_judge(wire, result, "cannot send", em);
	}
	ssize_t put = send(wire->fd, what.data, what.len, MSG_NOSIGNAL);
	if (put < 0)
		return errno == EAGAIN || errno == EINTR ? OK : err_errno(em, ERR_NET, "cannot send");
	*n = (size_t)put;
	return OK;
}

bool wire_pending(const struct wire *wire)
{
	return wire->ssl && SSL_has_pending(wire->ssl);
}

enum err wire_wait(const struct wire *wire, struct deadline until, struct errmsg *em)
{
	struct pollfd polled = { .fd = wire->fd, .events = wire->events };
	int64_t left = deadline_left_ms(until);
	if (left == 0)
		return err_set(em, ERR_TIMEOUT, "no answer in time");
	if (poll(&polled, 1, left > 60000 ? 60000 : (int)left) < 0 && errno != EINTR)
		return err_errno(em, ERR_NET, "cannot wait");
	return OK;
}
