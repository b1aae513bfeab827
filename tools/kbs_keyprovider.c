#include "keywrap/provider_daemon.h"

#include "common/file.h"
#include "keywrap/provider_message.h"
#include "tools/cli.h"
#include "tools/own_module.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

static const char help[] =
	"Usage: kbs-keyprovider [OPTION]...\n"
	"A key provider of ocicrypt: wraps and unwraps the keys of encrypted image layers with keys of a PKCS#11\n"
	"token. Reads one request from standard input and writes the answer to standard output; or, with --ttrpc,\n"
	"serves until it gets SIGTERM or SIGINT.\n"
	"\n"
	"  --token URI             the token, a PKCS#11 URI without an object; a PIN by pin-source only\n"
	"                          (default: this project's own token)\n"
	"  --module FILE           the PKCS#11 module to load (default: this project's own)\n"
	"  --name NAME             whose parameters in a request are meant (default: the only ones)\n"
	"  --packet-version 1|2    which annotation packet to write (default 1, which every reader knows)\n"
	"  --ttrpc ADDRESS         listen on unix:///PATH or unix://@NAME, and say so on standard output; a socket "
	"that\n"
	"                          systemd hands over is taken in its place\n"
	"  --help, --version\n"
	"\n"
	"Make it known to skopeo and to kbs-image:\n"
	"  echo '{\"key-providers\":{\"kbs\":{\"cmd\":{\"path\":\"/usr/bin/kbs-keyprovider\"}}}}' >providers.json\n"
	"  export OCICRYPT_KEYPROVIDER_CONFIG=$PWD/providers.json\n"
	"\n"
	"Encrypt with the key that the Key Broker Service holds as kbs:///default/key/1, and decrypt:\n"
	"  skopeo copy --encryption-key provider:kbs:kbs:///default/key/1 oci:plain:app oci:images:app\n"
	"  skopeo copy --decryption-key provider:kbs oci:images:app oci:plain:app\n"
	"\n"
	"Exit status: 0 done, 1 internal, 2 command line, 3 configuration, 4 network, 5 not attested or denied,\n"
	"6 not found, 7 integrity, 8 malformed or unsupported, 9 no key fits, 10 file error. See kbs-keyprovider(1).\n";

enum option_code { OPT_TOKEN = 256, OPT_MODULE, OPT_NAME, OPT_PACKET, OPT_TTRPC };

static const struct option options[] = {
	{ "token", required_argument, NULL, OPT_TOKEN }, { "module", required_argument, NULL, OPT_MODULE },
	{ "name", required_argument, NULL, OPT_NAME },   { "packet-version", required_argument, NULL, OPT_PACKET },
	{ "ttrpc", required_argument, NULL, OPT_TTRPC }, { NULL, 0, NULL, 0 },
};

struct command {
	struct provider_server_options server;
	const char *ttrpc; /* NULL: one request, by cmd */
};

static int option_take(struct command *command, int code)
{
	struct provider_server_options *o = &command->server;
	switch (code) {
	case OPT_TOKEN:
		/* Arguments stand in a configuration file, and in /proc for everybody. */
		if (strcasestr(optarg, "pin-value"))
			return cli_usage("--token takes no pin-value: use pin-source");
		o->token = optarg;
		return 0;
	case OPT_MODULE:
		o->module = optarg;
		return 0;
	case OPT_NAME:
		o->name = optarg;
		return 0;
	case OPT_TTRPC:
		command->ttrpc = optarg;
		return 0;
	default:
		if (strcmp(optarg, "1") != 0 && strcmp(optarg, "2") != 0)
			return cli_usage("--packet-version is 1 or 2");
		o->packet_version = optarg[0] - '0';
		return 0;
	}
}

static int options_parse(int argc, char **argv, struct command *command)
{
	opterr = 0;
	for (;;) {
		int code = getopt_long(argc, argv, ":", options, NULL);
		if (code == -1)
			break;
		if (code == ':')
			return cli_usage("%s wants an argument", argv[optind - 1]);
		if (code == '?')
			return cli_usage("unknown option %.*s", (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
		int result = option_take(command, code);
		if (result != 0)
			return result;
	}
	return optind < argc ? cli_usage("no arguments but options") : 0;
}

/* Past stdio, whose buffers are not wiped. */
static enum err answer_give(struct bytes answer, struct errmsg *em)
{
	while (answer.len > 0) {
		ssize_t n = write(STDOUT_FILENO, answer.data, answer.len);
		if (n < 0 && errno != EINTR)
			return err_errno(em, ERR_IO, "cannot write to standard output");
		answer.data += n > 0 ? n : 0;
		answer.len -= n > 0 ? (size_t)n : 0;
	}
	return OK;
}

static enum err request_serve(struct provider_server *server, struct errmsg *em)
{
	AUTO(secret) *request = NULL;
	AUTO(secret) *answer = NULL;
	enum err e = file_read_secret("-", PROVIDER_MESSAGE_MAX, &request, em);
	if (e == OK)
		e = provider_server_answer(server, secret_bytes(request), &answer, em);
	return e == OK ? answer_give(secret_bytes(answer), em) : e;
}

/* sd_listen_fds(3): one listening stream socket of this kind, as descriptor 3. */
static bool socket_handed_over(int *out)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	if (!pid || !count || atol(pid) != (long)getpid() || strcmp(count, "1") != 0)
		return false;
	int family = 0;
	int listening = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(3, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0 || family != AF_UNIX ||
	    getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening ||
	    fcntl(3, F_SETFL, O_NONBLOCK) != 0 || fcntl(3, F_SETFD, FD_CLOEXEC) != 0)
		return false;
	*out = 3;
	return true;
}

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

static enum err daemon_run(struct provider_server *server, const char *address, struct errmsg *em)
{
	AUTO_FD
	int stop = -1;
	AUTO_FD
	int listener = -1;
	enum err e = signals_take(&stop, em);
	bool ours = e == OK && !socket_handed_over(&listener);
	if (ours)
		e = provider_daemon_listen(address, &listener, em);
	if (e != OK)
		return e;
	printf("listening on %s\n", address);
	fflush(stdout);
	const struct provider_daemon daemon = { server, listener, stop };
	e = provider_daemon_run(&daemon, em);
	if (ours && strncmp(address, "unix:///", 8) == 0)
		(void)unlink(address + 7);
	return e;
}

static enum err command_run(const struct command *command, struct errmsg *em)
{
	AUTO(provider_server) *server = NULL;
	enum err e = provider_server_new(&command->server, &server, em);
	if (e != OK)
		return e;
	if (!command->ttrpc)
		return request_serve(server, em);
	e = daemon_run(server, command->ttrpc, em);
	/* Threads still use it; and nobody waits for them. */
	if (e == ERR_BUSY)
		_exit(cli_fail(e, em));
	return e;
}

int main(int argc, char **argv)
{
	struct command command = { .server = { .packet_version = 1 } };
	struct errmsg em = { "" };
	char module[OWN_MODULE_PATH_SIZE];
	cli_begin("kbs-keyprovider", help, argc, argv);
	int result = options_parse(argc, argv, &command);
	if (result != 0)
		return result;
	if (!command.server.module && own_module_path(module, NULL) == OK)
		command.server.module = module;
	enum err e = command_run(&command, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
