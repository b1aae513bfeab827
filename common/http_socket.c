#include "common/http_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* A firewall that silently dropped a connection must not cost a whole request. */
#define UNACKNOWLEDGED_MS 20000

void http_sockets_init(struct http_sockets *s)
{
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++)
		atomic_init(&s->fds[i], -1);
}

void http_sockets_abandon(struct http_sockets *s)
{
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++) {
		int fd = atomic_exchange(&s->fds[i], -1);
		if (fd >= 0)
			close(fd);
	}
}

static bool address_is_loopback(const struct curl_sockaddr *address)
{
	if (address->family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, &address->addr, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->family != AF_INET6 || address->addrlen < sizeof(struct sockaddr_in6))
		return false;
	struct sockaddr_in6 in6;
	memcpy(&in6, &address->addr, sizeof in6);
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static bool remember(struct http_sockets *s, int fd)
{
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++) {
		int unused = -1;
		if (atomic_compare_exchange_strong(&s->fds[i], &unused, fd))
			return true;
	}
	return false;
}

curl_socket_t http_socket_open(void *sockets, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_sockets *s = sockets;
	/* Whatever `localhost` was resolved to: plain HTTP leaves this machine only where that is allowed by name. */
	if (purpose != CURLSOCKTYPE_IPCXN || (s->loopback_only && !address_is_loopback(address)))
		return CURL_SOCKET_BAD;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!remember(s, fd)) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	unsigned int wait = UNACKNOWLEDGED_MS;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait, sizeof wait);
	return fd;
}

int http_socket_close(void *sockets, curl_socket_t fd)
{
	struct http_sockets *s = sockets;
	for (size_t i = 0; i < HTTP_SOCKETS_MAX; i++) {
		int known = fd;
		if (atomic_compare_exchange_strong(&s->fds[i], &known, -1))
			break;
	}
	return close(fd);
}
