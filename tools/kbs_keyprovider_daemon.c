#define _GNU_SOURCE 1
#include "keywrap/wire_address.h"
#include "tools/kbs_keyprovider.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

static const char *const protocols[] = { [PROVIDER_TTRPC] = "ttrpc", [PROVIDER_GRPC] = "grpc" };

/* Readable once we are to end. */
static enum err signals_take(int *out, struct errmsg *em)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*out = signalfd(-1, &set, SFD_CLOEXEC);
	return *out >= 0 ? OK : err_errno(em, ERR_IO, "no signals");
}

static enum err listener_add(struct provider_daemon *daemon, enum provider_protocol protocol, int fd, struct errmsg *em)
{
	char name[WIRE_NAME_MAX];
	enum err e = wire_name(fd, name, em);
	if (e != OK)
		return e;
	daemon->listeners[daemon->count++] = (struct provider_listener){ .fd = fd, .protocol = protocol };
	printf("listening on %s for %s\n", name, protocols[protocol]);
	return OK;
}

/* Before anybody hears of it. */
static enum err place_check(const struct keyprovider_places *places, enum provider_protocol protocol,
			    const struct wire_address *at, struct errmsg *em)
{
	if (protocol == PROVIDER_TTRPC && !at->local)
		return err_set(em, ERR_ARG, "ttrpc listens on unix:///PATH or unix://@NAME only");
	if (places->tls.certificate || places->grpc_plain || wire_address_loopback(at))
		return OK;
	return err_set(
		em, ERR_ARG,
		"%s:%s: others could read layers' keys there, and ask for them: give --tls-cert and --tls-key, or "
		"say --grpc-plain",
		at->host, at->port);
}

static enum err place_listen(struct provider_daemon *daemon, const struct keyprovider_places *places,
			     enum provider_protocol protocol, const char *address, struct errmsg *em)
{
	struct wire_address at;
	int fd = -1;
	enum err e = wire_address_parse(address, &at, em);
	if (e == OK)
		e = place_check(places, protocol, &at, em);
	if (e == OK) {
		e = wire_listen(&at, &fd, em);
		e = e == OK ? OK : err_wrap(em, e, "%s", address);
	}
	return e == OK ? listener_add(daemon, protocol, fd, em) : e;
}

static enum err handed_protocol(const struct keyprovider_places *places, const char *name, enum provider_protocol *out,
				struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (strcmp(name, protocols[i]) == 0) {
			*out = (enum provider_protocol)i;
			return OK;
		}
	if (!places->ttrpc == !places->grpc)
		return err_set(em, ERR_ARG,
			       "a socket \"%s\" was handed over: FileDescriptorName is neither grpc nor ttrpc", name);
	*out = places->ttrpc ? PROVIDER_TTRPC : PROVIDER_GRPC;
	return OK;
}

static enum err handed_take(struct provider_daemon *daemon, const struct keyprovider_places *places, struct errmsg *em)
{
	for (size_t i = 0; i < places->handed.count; i++) {
		char name[WIRE_NAME_MAX];
		struct wire_address at;
		enum provider_protocol protocol = PROVIDER_GRPC;
		enum err e = handed_protocol(places, places->handed.sockets[i].name, &protocol, em);
		if (e == OK)
			e = wire_name(places->handed.sockets[i].fd, name, em);
		if (e == OK)
			e = wire_address_parse(name, &at, em);
		if (e == OK)
			e = place_check(places, protocol, &at, em);
		if (e == OK)
			e = listener_add(daemon, protocol, places->handed.sockets[i].fd, em);
		if (e != OK)
			return e;
	}
	return OK;
}

/* For those that are not on this machine alone by their kind. */
static void tls_give(struct provider_daemon *daemon, SSL_CTX *tls)
{
	for (size_t i = 0; i < daemon->count; i++) {
		int family = 0;
		socklen_t len = sizeof(family);
		(void)getsockopt(daemon->listeners[i].fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
		daemon->listeners[i].tls = family == AF_UNIX ? NULL : tls;
	}
}

static void path_remove(const char *address)
{
	if (address && strncmp(address, "unix:///", 8) == 0)
		(void)unlink(address + 7);
}

static enum err listeners_open(struct provider_daemon *daemon, const struct keyprovider_places *places,
			       struct errmsg *em)
{
	if (places->handed.count)
		return handed_take(daemon, places, em);
	enum err e = OK;
	if (places->ttrpc)
		e = place_listen(daemon, places, PROVIDER_TTRPC, places->ttrpc, em);
	size_t before = daemon->count;
	if (e == OK && places->grpc)
		e = place_listen(daemon, places, PROVIDER_GRPC, places->grpc, em);
	if (e != OK && before > 0)
		path_remove(places->ttrpc);
	return e;
}

enum err keyprovider_serve(struct provider_server *server, const struct keyprovider_places *places, struct errmsg *em)
{
	struct provider_daemon daemon = { .server = server };
	AUTO_OF(SSL_CTX) *tls = NULL;
	AUTO_FD
	int stop = -1;
	enum err e = signals_take(&stop, em);
	daemon.stop = stop;
	if (e == OK && (places->tls.certificate || places->tls.key || places->tls.ca))
		e = wire_tls_new(&places->tls, &tls, em);
	if (e == OK)
		e = listeners_open(&daemon, places, em);
	if (e == OK) {
		tls_give(&daemon, tls);
		fflush(stdout);
		activation_notify("READY=1");
		e = provider_daemon_run(&daemon, em);
		activation_notify("STOPPING=1");
		if (places->handed.count == 0) {
			path_remove(places->ttrpc);
			path_remove(places->grpc);
		}
	}
	for (size_t i = 0; i < daemon.count; i++)
		close(daemon.listeners[i].fd);
	return e;
}
