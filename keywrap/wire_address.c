#define _GNU_SOURCE 1
#include "keywrap/wire_address.h"

#include "common/cleanup.h"
#include "keywrap/wire_lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BACKLOG 64

static enum err local_parse(const char *path, struct wire_address *out, struct errmsg *em)
{
	size_t len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len < 2)
		return err_set(em, ERR_ARG, "\"unix://%.100s\" is not unix:///PATH or unix://@NAME", path);
	if (len >= sizeof(out->at.sun_path))
		return err_set(em, ERR_ARG, "\"unix://%.100s...\" is too long for a socket", path);
	bool abstract = path[0] == '@';
	out->local = true;
	out->at.sun_family = AF_UNIX;
	memcpy(out->at.sun_path, path, len);
	if (abstract)
		out->at.sun_path[0] = '\0';
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract);
	return OK;
}

static bool port_parse(const char *text, struct wire_address *out)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 5 || text[digits] || atol(text) > 65535)
		return false;
	snprintf(out->port, sizeof(out->port), "%s", text);
	return true;
}

/* "host:port", "[v6]:port". */
static bool host_parse(const char *text, struct wire_address *out)
{
	bool bracket = text[0] == '[';
	const char *host = text + bracket;
	size_t len = strcspn(host, bracket ? "]" : ":");
	const char *rest = host + len + (bracket && host[len]);
	struct in6_addr six;
	if (len == 0 || len >= sizeof(out->host) || rest[0] != ':' || !port_parse(rest + 1, out))
		return false;
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	if (bracket)
		return inet_pton(AF_INET6, out->host, &six) == 1;
	/* What goes into a header, and to a resolver. */
	return strspn(out->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len &&
	       out->host[0] != '-';
}

enum err wire_address_parse(const char *text, struct wire_address *out, struct errmsg *em)
{
	static const char local[] = "unix://", dns[] = "dns:///";
	*out = (struct wire_address){ .local = false };
	if (strncmp(text, local, strlen(local)) == 0)
		return local_parse(text + strlen(local), out, em);
	const char *host = strncmp(text, dns, strlen(dns)) == 0 ? text + strlen(dns) : text;
	if (host_parse(host, out))
		return OK;
	return err_set(em, ERR_ARG, "\"%.100s\" is not HOST:PORT, unix:///PATH or unix://@NAME", text);
}

static bool sockaddr_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

bool wire_address_loopback(const struct wire_address *address)
{
	struct addrinfo *list = NULL;
	if (address->local)
		return true;
	if (wire_lookup_here(address->host, address->port, &list) != 0)
		return false;
	bool good = true;
	for (const struct addrinfo *at = list; at; at = at->ai_next)
		good = good && sockaddr_loopback(at->ai_addr);
	freeaddrinfo(list);
	return good;
}

/* A Unix socket whose backlog is full says EAGAIN: tried again until the deadline. */
static enum err connect_wait(int fd, const struct addrinfo *to, struct deadline until, struct errmsg *em)
{
	while (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
		if (errno == EINPROGRESS)
			break;
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(em, ERR_NET, "not reached");
		if (!deadline_sleep_ms(until, 10))
			return err_set(em, ERR_TIMEOUT, "it took no connection in time");
	}
	for (;;) {
		struct pollfd polled = { .fd = fd, .events = POLLOUT };
		int64_t left = deadline_left_ms(until);
		int result = poll(&polled, 1, left > 60000 ? 60000 : (int)left);
		if (result > 0)
			break;
		if (result < 0 && errno != EINTR)
			return err_errno(em, ERR_NET, "cannot wait");
		if (left == 0)
			return err_set(em, ERR_TIMEOUT, "it took no connection in time");
	}
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error == 0)
		return OK;
	errno = error;
	return err_errno(em, ERR_NET, "not reached");
}

static enum err address_try(const struct addrinfo *to, struct deadline until, int *out, struct errmsg *em)
{
	int yes = 1;
	AUTO_FD
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(em, ERR_IO, "no socket");
	enum err e = connect_wait(fd, to, until, em);
	if (e != OK)
		return e;
	if (to->ai_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	*out = fd;
	fd = -1;
	return OK;
}

enum err wire_connect(const struct wire_address *address, struct deadline until, int *out, struct errmsg *em)
{
	struct addrinfo *list = NULL;
	if (address->local) {
		const struct addrinfo to = { .ai_family = AF_UNIX,
					     .ai_addr = (struct sockaddr *)&address->at,
					     .ai_addrlen = address->len };
		return address_try(&to, until, out, em);
	}
	enum err e = wire_lookup(address->host, address->port, until, &list, em);
	if (e != OK)
		return e;
	int64_t count = 0;
	for (const struct addrinfo *at = list; at; at = at->ai_next)
		count++;
	/* One that answers nothing leaves time for the others. */
	e = err_set(em, ERR_NET, "%s has no address", address->host);
	for (const struct addrinfo *at = list; at && e != OK; at = at->ai_next, count--)
		e = address_try(at, deadline_in_ms(deadline_left_ms(until) / count), out, em);
	freeaddrinfo(list);
	return e;
}

/* Listening */

static enum err stale_remove(const struct wire_address *address, struct errmsg *em)
{
	struct stat st;
	const struct sockaddr_un *at = &address->at;
	AUTO_FD
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool dead =
		probe >= 0 && connect(probe, (const struct sockaddr *)at, address->len) != 0 && errno == ECONNREFUSED;
	if (!dead || lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return err_set(em, ERR_EXISTS, "%s is in use", at->sun_path);
	return unlink(at->sun_path) == 0 ? OK : err_errno(em, ERR_IO, "%s", at->sun_path);
}

static enum err local_bind(int fd, const struct wire_address *address, struct errmsg *em)
{
	const struct sockaddr *at = (const struct sockaddr *)&address->at;
	bool path = address->at.sun_path[0] == '/';
	int result = bind(fd, at, address->len);
	if (result != 0 && errno == EADDRINUSE && path) {
		enum err e = stale_remove(address, em);
		if (e != OK)
			return e;
		result = bind(fd, at, address->len);
	}
	if (result != 0)
		return err_errno(em, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, "%s", address->at.sun_path + !path);
	/* Nobody can connect before listen(). */
	return !path || chmod(address->at.sun_path, 0600) == 0 ? OK : err_errno(em, ERR_IO, "its mode");
}

static enum err host_bind(int fd, const struct addrinfo *at, struct errmsg *em)
{
	int yes = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (at->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) != 0)
		return err_errno(em, ERR_IO, "no socket");
	if (bind(fd, at->ai_addr, at->ai_addrlen) != 0)
		return err_errno(em, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, "cannot listen there");
	return OK;
}

enum err wire_listen(const struct wire_address *address, int *out, struct errmsg *em)
{
	struct addrinfo *list = NULL;
	if (!address->local && wire_lookup_here(address->host, address->port, &list) != 0)
		return err_set(em, ERR_ARG, "%s is no number of a host, nor localhost", address->host);
	AUTO_FD
	int fd = socket(address->local ? AF_UNIX : list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum err e = OK;
	if (fd < 0)
		e = err_errno(em, ERR_IO, "no socket");
	else
		e = address->local ? local_bind(fd, address, em) : host_bind(fd, list, em);
	if (list)
		freeaddrinfo(list);
	if (e == OK && listen(fd, BACKLOG) != 0)
		e = err_errno(em, ERR_IO, "cannot listen there");
	if (e != OK)
		return e;
	*out = fd;
	fd = -1;
	return OK;
}

enum err wire_name(int listener, char out[WIRE_NAME_MAX], struct errmsg *em)
{
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN] = "";
	if (getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		return err_errno(em, ERR_IO, "a socket without a name");
	if (at.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)&at;
		size_t used = len - offsetof(struct sockaddr_un, sun_path);
		bool path = used > 0 && un->sun_path[0] == '/';
		int n = path ? (int)strnlen(un->sun_path, used) : used ? (int)used - 1 : 0;
		snprintf(out, WIRE_NAME_MAX, "unix://%s%.*s", path ? "" : "@", n, un->sun_path + !path);
		return OK;
	}
	bool six = at.ss_family == AF_INET6;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at;
	const void *number = six ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr;
	if ((!six && at.ss_family != AF_INET) || !inet_ntop(at.ss_family, number, host, sizeof(host)))
		return err_set(em, ERR_ARG, "a socket of no family that is known");
	snprintf(out, WIRE_NAME_MAX, six ? "[%s]:%u" : "%s:%u", host,
		 (unsigned)ntohs(six ? in6->sin6_port : in->sin_port));
	return OK;
}
