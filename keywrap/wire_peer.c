#define _GNU_SOURCE 1
#include "keywrap/wire_peer.h"

#include "common/cleanup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define END_MAX 64

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

bool wire_is_loopback(int fd)
{
	union address at = { .storage = { 0 } };
	socklen_t len = sizeof(at);
	if (getsockname(fd, &at.sa, &len) != 0)
		return false;
	if (at.sa.sa_family == AF_INET)
		return ntohl(at.in.sin_addr.s_addr) >> 24 == 127;
	return at.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&at.in6.sin6_addr);
}

/* As the kernel prints it: words as they lie in memory. */
static void end_print(const union address *at, char out[END_MAX])
{
	if (at->sa.sa_family == AF_INET) {
		snprintf(out, END_MAX, "%08X:%04X", at->in.sin_addr.s_addr, ntohs(at->in.sin_port));
		return;
	}
	const uint32_t *words = at->in6.sin6_addr.s6_addr32;
	snprintf(out, END_MAX, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3],
		 ntohs(at->in6.sin6_port));
}

/* The user of the socket from `local` to `remote`. A socket that nobody holds any more shows user and inode as 0. */
static bool user_find(const char *table, const char *local, const char *remote, uid_t *out)
{
	char line[512];
	char from[END_MAX];
	char to[END_MAX];
	bool found = false;
	FILE *f = fopen(table, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned uid = 0;
		unsigned long inode = 0;
		/* sl local remote st queues timer retransmits uid timeout inode */
		if (sscanf(line, "%*s %63s %63s %*s %*s %*s %*s %u %*s %lu", from, to, &uid, &inode) == 4 && inode != 0)
			found = strcmp(from, local) == 0 && strcmp(to, remote) == 0;
		*out = uid;
	}
	if (f)
		fclose(f);
	return found;
}

/* A client with a socket of IPv6 may talk to one of IPv4. */
static void mapped(union address *at)
{
	struct in6_addr six = { 0 };
	six.s6_addr[10] = six.s6_addr[11] = 0xff;
	six.s6_addr32[3] = at->in.sin_addr.s_addr;
	at->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = at->in.sin_port, .sin6_addr = six };
}

static bool tcp_user(int fd, uid_t *out)
{
	union address here = { .storage = { 0 } };
	union address there = { .storage = { 0 } };
	socklen_t here_len = sizeof(here);
	socklen_t there_len = sizeof(there);
	char local[END_MAX];
	char remote[END_MAX];
	if (getsockname(fd, &here.sa, &here_len) != 0 || getpeername(fd, &there.sa, &there_len) != 0)
		return false;
	if (here.sa.sa_family == AF_INET) {
		end_print(&there, local);
		end_print(&here, remote);
		if (user_find("/proc/net/tcp", local, remote, out))
			return true;
		mapped(&here);
		mapped(&there);
	}
	end_print(&there, local);
	end_print(&here, remote);
	return user_find("/proc/net/tcp6", local, remote, out);
}

bool wire_peer_trusted(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	int family = 0;
	socklen_t family_len = sizeof(family);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_len) != 0)
		return false;
	bool known =
		family == AF_UNIX ? getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 : tcp_user(fd, &peer.uid);
	return known && (peer.uid == 0 || peer.uid == geteuid());
}
