#define _GNU_SOURCE 1
#include "tools/activation.h"

#include "common/cleanup.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST 3 /* SD_LISTEN_FDS_START */

static enum err socket_check(int fd, struct errmsg *em)
{
	int type = 0;
	int listening = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening)
		return err_set(em, ERR_ARG, "descriptor %d, which was handed over, is no listening stream socket", fd);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return err_errno(em, ERR_IO, "descriptor %d, which was handed over", fd);
	return OK;
}

static enum err sockets_take(struct activation *out, const char *names, struct errmsg *em)
{
	for (size_t i = 0; i < out->count; i++) {
		size_t len = strcspn(names, ":");
		out->sockets[i].fd = FIRST + (int)i;
		snprintf(out->sockets[i].name, ACTIVATION_NAME_MAX, "%.*s", (int)len, names);
		names += len + (names[len] == ':');
		enum err e = socket_check(out->sockets[i].fd, em);
		if (e != OK)
			return e;
	}
	return OK;
}

enum err activation_take(struct activation *out, struct errmsg *em)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	*out = (struct activation){ .count = 0 };
	if (!pid || !count || atol(pid) != (long)getpid())
		return OK;
	long n = atol(count);
	if (n < 0 || n > ACTIVATION_MAX)
		return err_set(em, ERR_ARG, "LISTEN_FDS=%ld: at most %d sockets are taken", n, ACTIVATION_MAX);
	out->count = (size_t)n;
	enum err e = sockets_take(out, names ? names : "", em);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return e;
}

void activation_notify(const char *news)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	AUTO_FD
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)!sendto(fd, news, strlen(news), MSG_NOSIGNAL, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
