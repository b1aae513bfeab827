#include "tools/kbs_server.h"

#include "kbs/kbs.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

static const char help[] =
	"Usage: kbs-server init DIR\n"
	"       kbs-server run DIR [--listen HOST:PORT] [--tls-cert FILE --tls-key FILE]\n"
	"                          [--allow-sample] [--allow-http] [--verbose]\n"
	"       kbs-server resource set|get|delete --url URL --admin-key FILE [--ca FILE]\n"
	"                          kbs:///repository/type/tag [FILE]\n"
	"       kbs-server policy set|get --url URL --admin-key FILE [--ca FILE] [FILE]\n"
	"\n"
	"A Key Broker Service: releases keys to attested TEEs only, KBS protocol 0.4.0.\n"
	"\n"
	"init        makes DIR: keys, configuration (kbs.json), policy.json and storage\n"
	"run         serves until SIGTERM or SIGINT; prints one line, 'listening on URL', when it is ready\n"
	"resource    stores (FILE or standard input), fetches (to FILE or standard output) or deletes a resource\n"
	"policy      replaces or prints the resource policy\n"
	"\n"
	"Options of run:\n"
	"  --listen HOST:PORT   default 127.0.0.1:8080; port 0 takes any free one\n"
	"  --tls-cert, --tls-key FILE   serve https; needed where HOST is not loopback\n"
	"  --allow-http         plain http on an address that is not loopback: something in front does TLS\n"
	"  --allow-sample       accept the sample TEE, which proves nothing: for tests and demonstrations\n"
	"  --verbose            an access log on standard error\n"
	"\n"
	"Options of resource and policy:\n"
	"  --url URL            of the server, such as https://kbs.example:8080\n"
	"  --admin-key FILE     the private key whose public half the server knows (DIR/admin.key)\n"
	"  --ca FILE            PEM; default: the system's\n"
	"  --allow-http         send resources over plain http to a host that is not loopback\n"
	"  --timeout SECONDS    default 30\n"
	"\n"
	"Example:\n"
	"  kbs-server init kbs && kbs-server run kbs --allow-sample &\n"
	"  kbs-server resource set --url http://127.0.0.1:8080 --admin-key kbs/admin.key \\\n"
	"      kbs:///default/image/key key.pem\n"
	"\n"
	"Exit codes: 0 done; 2 command line; 3 configuration; 4 server not reached or busy; 5 refused;\n"
	"6 no such resource; 7 cryptography; 8 malformed or too large; 9 key; 10 file; 1 a fault inside.\n"
	"See kbs-server(1), kbs.json(5).\n";

static const struct {
	const char *name;
	int (*run)(const struct server_args *args);
} commands[] = {
	{ "init", server_init },
	{ "run", server_run },
	{ "resource", server_resource },
	{ "policy", server_policy },
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "tls-cert", required_argument, NULL, 'c' },
	{ "tls-key", required_argument, NULL, 'k' },
	{ "allow-sample", no_argument, NULL, 's' },
	{ "allow-http", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "url", required_argument, NULL, 'u' },
	{ "admin-key", required_argument, NULL, 'a' },
	{ "ca", required_argument, NULL, 'C' },
	{ "timeout", required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 },
};

static bool option_take(struct server_args *args, int option)
{
	char *end = NULL;
	switch (option) {
	case 'l':
		args->listen = optarg;
		return true;
	case 'c':
		args->tls_cert = optarg;
		return true;
	case 'k':
		args->tls_key = optarg;
		return true;
	case 's':
		return args->allow_sample = true;
	case 'p':
		return args->allow_http = true;
	case 'v':
		return args->verbose = true;
	case 'u':
		args->url = optarg;
		return true;
	case 'a':
		args->admin_key = optarg;
		return true;
	case 'C':
		args->ca = optarg;
		return true;
	case 't':
		args->timeout_s = strtol(optarg, &end, 10);
		return *optarg && !*end && args->timeout_s >= 1 && args->timeout_s <= 3600;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct server_args args = { .timeout_s = 30 };
	cli_begin("kbs-server", help, argc, argv);
	if (argc < 2)
		return cli_usage("a command is missing");
	int option;
	while ((option = cli_option(argc - 1, argv + 1, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (!option_take(&args, option))
			return cli_usage("%s: its value is wrong", argv[optind]);
	}
	args.words = argv + 1 + optind;
	args.word_count = argc - 1 - optind;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(&args);
	return cli_usage("%s: no such command", argv[1]);
}

int server_init(const struct server_args *args)
{
	struct errmsg em = { "" };
	if (args->word_count != 1)
		return cli_usage("init takes one folder");
	enum err e = kbs_init(args->words[0], &em);
	return e == OK ? 0 : cli_fail(e, &em);
}

/* Method and path come from outside: nothing of them may steer a terminal or make up a line. */
static void access_print(void *ctx, const struct kbs_access *access)
{
	(void)ctx;
	char path[256];
	size_t i = 0;
	for (; access->path[i] && i < sizeof(path) - 1; i++)
		path[i] = access->path[i] > ' ' && access->path[i] < 127 ? access->path[i] : '?';
	path[i] = '\0';
	fprintf(stderr, "%s %.10s %s %u %lldms\n", access->peer, access->method, path, access->status,
		(long long)access->took_ms);
}

static void signals_block(sigset_t *set)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

int server_run(const struct server_args *args)
{
	struct errmsg em = { "" };
	struct kbs *kbs = NULL;
	sigset_t set;
	int which = 0;
	if (args->word_count != 1)
		return cli_usage("run takes one folder");
	struct kbs_options o = {
		.dir = args->words[0],
		.listen = args->listen,
		.tls_cert = args->tls_cert,
		.tls_key = args->tls_key,
		.allow_sample = args->allow_sample,
		.allow_http = args->allow_http,
		.on_access = args->verbose ? access_print : NULL,
	};
	/* What TLS decrypted of an upload lies on heaps that are not ours to wipe: have free() overwrite it. */
	(void)mallopt(M_PERTURB, 0xa5);
	signals_block(&set); /* the server's threads inherit that */
	enum err e = kbs_start(&o, &kbs, &em);
	if (e != OK)
		return cli_fail(e, &em);
	if (printf("listening on %s\n", kbs_url(kbs)) < 0 || fflush(stdout) != 0) {
		kbs_stop(kbs);
		return cli_fail(ERR_IO, &(struct errmsg){ "cannot write to standard output" });
	}
	sigwait(&set, &which);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* a second one does not wait */
	kbs_stop(kbs);
	return 0;
}
