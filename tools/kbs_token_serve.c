/* One attested process for others: p11-kit's remoting, each connection a thread of this process. (p11-kit's own server
 * has a process for each, and no secret of the token survives a fork: there each connection attests.) */
#define P11_KIT_FUTURE_UNSTABLE_API 1
#include "tools/kbs_token.h"

#include "common/deadline.h"
#include "tools/activation.h"
#include "tools/cli.h"

#include <errno.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/remote.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 256

struct token_server {
	char module[4096];
	CK_FUNCTION_LIST *first; /* keeps the module up while nobody is connected */
	atomic_uint connections;
};

struct connection {
	struct token_server *server;
	int fd;
};

/* Each with a list of functions of its own, which p11-kit makes: C_Finalize and C_CloseAllSessions of one client end
 * nothing of another's. */
static void *connection_main(void *arg)
{
	struct connection *c = arg;
	CK_FUNCTION_LIST *module = p11_kit_module_load(c->server->module, 0);
	if (module) {
		(void)p11_kit_remote_serve_module(module, c->fd, c->fd);
		(void)module->C_Finalize(NULL); /* for those who only hung up */
		p11_kit_module_release(module);
	}
	close(c->fd);
	atomic_fetch_sub(&c->server->connections, 1);
	free(c);
	return NULL;
}

/* The keys are for who runs this, and root. */
static bool is_welcome(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static bool thread_start(struct connection *c)
{
	pthread_t thread;
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) != 0)
		return false;
	bool good = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
		    pthread_create(&thread, &attr, connection_main, c) == 0;
	pthread_attr_destroy(&attr);
	return good;
}

static void connection_take(struct token_server *server, int listener)
{
	AUTO_FD
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	/* Out of descriptors or memory, until a connection ends: no reason to spin. */
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		(void)deadline_sleep_ms(deadline_in_ms(100), 100);
	if (fd < 0 || !is_welcome(fd))
		return;
	struct connection *c = calloc(1, sizeof(*c));
	if (!c)
		return;
	*c = (struct connection){ server, fd };
	if (atomic_fetch_add(&server->connections, 1) < CONNECTIONS_MAX && thread_start(c)) {
		fd = -1; /* its thread's */
		return;
	}
	atomic_fetch_sub(&server->connections, 1);
	free(c);
}

/* What a server left that is not there any more is taken away; not what somebody has, whatever kind of socket it is. */
static enum err socket_free_up(const struct sockaddr_un *at, struct errmsg *em)
{
	struct stat st;
	if (lstat(at->sun_path, &st) != 0)
		return errno == ENOENT ? OK : err_errno(em, ERR_IO, "%s", at->sun_path);
	AUTO_FD
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool dead = S_ISSOCK(st.st_mode) && fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 &&
		    errno == ECONNREFUSED;
	if (!dead)
		return err_set(em, ERR_IO, "%s is there already, and in use", at->sun_path);
	return unlink(at->sun_path) == 0 ? OK : err_errno(em, ERR_IO, "%s", at->sun_path);
}

static enum err socket_listen(const char *path, int *out, struct errmsg *em)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(em, ERR_ARG, "--socket: a path of at most %zu bytes", sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path));
	enum err e = socket_free_up(&at, em);
	if (e != OK)
		return e;
	AUTO_FD
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before = umask(0177);
	bool good = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	umask(before);
	if (!good || listen(fd, 64) != 0)
		return err_errno(em, ERR_IO, "%s", path);
	*out = fd;
	fd = -1;
	return OK;
}

/* Until SIGTERM or SIGINT. */
static enum err serve(struct token_server *server, int listener, struct errmsg *em)
{
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	/* Before the first thread, so that all have them blocked. */
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	AUTO_FD
	int ended = signalfd(-1, &ends, SFD_CLOEXEC);
	if (ended < 0)
		return err_errno(em, ERR_IO, "signals");
	struct pollfd fds[] = { { .fd = listener, .events = POLLIN }, { .fd = ended, .events = POLLIN } };
	activation_notify("READY=1");
	while (!fds[1].revents) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_errno(em, ERR_IO, "poll");
		if (fds[0].revents)
			connection_take(server, listener);
	}
	activation_notify("STOPPING=1");
	return OK;
}

static enum err server_open(const struct token_args *args, struct token_server *server, struct errmsg *em)
{
	enum err e = token_module_path(args, server->module, em);
	if (e != OK)
		return e;
	if (args->config && setenv("KBS_PKCS11_CONF", args->config, 1) != 0)
		return err_nomem(em, "the environment");
	server->first = p11_kit_module_load(server->module, 0);
	if (!server->first)
		return err_set(em, ERR_CONFIG, "%s: p11-kit cannot load it: %s", server->module, p11_kit_message());
	return token_rv("C_Initialize", p11_kit_module_initialize(server->first), em);
}

int token_serve(const struct token_args *args)
{
	static struct token_server server; /* threads may outlive this function by a moment */
	struct errmsg em = { "" };
	AUTO_FD
	int listener = -1;
	if (!args->socket)
		return cli_usage("serve: --socket PATH is missing");
	enum err e = server_open(args, &server, &em);
	if (e == OK)
		e = socket_listen(args->socket, &listener, &em);
	if (e != OK)
		return cli_fail(e, &em);
	printf("P11_KIT_SERVER_ADDRESS=unix:path=%s\n", args->socket);
	fflush(stdout);
	e = serve(&server, listener, &em);
	(void)unlink(args->socket);
	int code = e == OK ? 0 : cli_fail(e, &em);
	/* What threads are in the middle of ends with the process; exit handlers would take OpenSSL from under them. */
	if (atomic_load(&server.connections) > 0)
		_exit(code);
	return code;
}
