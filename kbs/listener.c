#include "kbs/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define BACKLOG 128

struct host_port {
	char host[256];
	char port[8];
	bool bracketed;
};

static enum err where_split(const char *where, struct host_port *to, struct errmsg *em)
{
	const char *colon = strrchr(where, ':');
	size_t len = colon ? (size_t)(colon - where) : 0;
	const char *host = where;
	to->bracketed = len >= 2 && where[0] == '[' && where[len - 1] == ']';
	if (to->bracketed) {
		host++;
		len -= 2;
	}
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	if (len == 0 || len >= sizeof(to->host) || digits == 0 || digits > 5 || colon[1 + digits] != '\0' ||
	    (!to->bracketed && memchr(host, ':', len)))
		return err_set(em, ERR_CONFIG, "listen on \"%s\": HOST:PORT or [IPv6]:PORT is wanted", where);
	memcpy(to->host, host, len);
	to->host[len] = '\0';
	memcpy(to->port, colon + 1, digits + 1);
	return atoi(to->port) <= 65535 ? OK : err_set(em, ERR_CONFIG, "listen on \"%s\": no such port", where);
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return false;
}

static int socket_listen(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static int actual_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = { .in6 = { 0 } };
	socklen_t len = sizeof(address);
	if (getsockname(fd, &address.any, &len) != 0)
		return -1;
	return ntohs(address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

enum err listener_open(const char *where, struct listener *out, struct errmsg *em)
{
	struct host_port at;
	enum err e = where_split(where, &at, em);
	if (e != OK)
		return e;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *info = NULL;
	int failed = getaddrinfo(at.host, at.port, &hints, &info);
	if (failed)
		return err_set(em, ERR_CONFIG, "listen on \"%s\": %s", where, gai_strerror(failed));
	out->loopback = is_loopback(info->ai_addr);
	out->fd = socket_listen(info);
	e = out->fd < 0 ? err_errno(em, ERR_IO, "listen on \"%s\"", where) : OK;
	freeaddrinfo(info);
	if (e == OK)
		snprintf(out->address, sizeof(out->address), at.bracketed ? "[%s]:%d" : "%s:%d", at.host,
			 actual_port(out->fd));
	return e;
}
