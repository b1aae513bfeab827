#include "tools/kbs_keyprovider.h"

#include "common/file.h"
#include "keywrap/provider_message.h"
#include "tools/cli.h"
#include "tools/own_module.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <strings.h>

static const char help[] =
	"Usage: kbs-keyprovider [OPTION]...\n"
	"A key provider of ocicrypt: wraps and unwraps the keys of encrypted image layers with keys of a PKCS#11\n"
	"token. Reads one request from standard input and writes the answer to standard output; or, with --grpc or\n"
	"--ttrpc, or sockets that systemd hands over, serves until it gets SIGTERM or SIGINT.\n"
	"\n"
	"  --token URI             the token, a PKCS#11 URI without an object; a PIN by pin-source only\n"
	"                          (default: this project's own token)\n"
	"  --module FILE           the PKCS#11 module to load (default: this project's own)\n"
	"  --name NAME             whose parameters in a request are meant (default: the only ones)\n"
	"  --packet-version 1|2    which annotation packet to write (default 1, which every reader knows)\n"
	"  --grpc ADDRESS          listen on unix:///PATH, unix://@NAME or HOST:PORT (a number, or localhost; port 0: "
	"any\n"
	"                          free one) for gRPC, and say so on standard output\n"
	"  --ttrpc ADDRESS         listen on unix:///PATH or unix://@NAME for ttrpc; both may be given\n"
	"  --tls-cert FILE, --tls-key FILE\n"
	"                          the server's certificate with its chain, and its key: HOST:PORT speaks TLS only\n"
	"  --tls-client-ca FILE    and serves only clients with a certificate of this CA\n"
	"  --grpc-plain            without TLS also on a HOST:PORT that others can reach, or read\n"
	"  --help, --version\n"
	"\n"
	"Make it known to skopeo and to kbs-image:\n"
	"  echo '{\"key-providers\":{\"kbs\":{\"cmd\":{\"path\":\"/usr/bin/kbs-keyprovider\"}}}}' >providers.json\n"
	"  export OCICRYPT_KEYPROVIDER_CONFIG=$PWD/providers.json\n"
	"or, for a daemon that attests once for all: kbs-keyprovider --grpc unix:///run/kbs-keyprovider/grpc, and\n"
	"  {\"key-providers\":{\"kbs\":{\"grpc\":\"unix:///run/kbs-keyprovider/grpc\"}}}\n"
	"\n"
	"Encrypt with the key that the Key Broker Service holds as kbs:///default/key/1, and decrypt:\n"
	"  skopeo copy --encryption-key provider:kbs:kbs:///default/key/1 oci:plain:app oci:images:app\n"
	"  skopeo copy --decryption-key provider:kbs oci:images:app oci:plain:app\n"
	"\n"
	"Exit status: 0 done, 1 internal, 2 command line, 3 configuration, 4 network, 5 not attested or denied,\n"
	"6 not found, 7 integrity, 8 malformed or unsupported, 9 no key fits, 10 file error. See kbs-keyprovider(1).\n";

enum option_code {
	OPT_TOKEN = 256,
	OPT_MODULE,
	OPT_NAME,
	OPT_PACKET,
	OPT_TTRPC,
	OPT_GRPC,
	OPT_GRPC_PLAIN,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_TLS_CLIENT_CA
};

static const struct option options[] = {
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "packet-version", required_argument, NULL, OPT_PACKET },
	{ "ttrpc", required_argument, NULL, OPT_TTRPC },
	{ "grpc", required_argument, NULL, OPT_GRPC },
	{ "grpc-plain", no_argument, NULL, OPT_GRPC_PLAIN },
	{ "tls-cert", required_argument, NULL, OPT_TLS_CERT },
	{ "tls-key", required_argument, NULL, OPT_TLS_KEY },
	{ "tls-client-ca", required_argument, NULL, OPT_TLS_CLIENT_CA },
	{ NULL, 0, NULL, 0 },
};

struct command {
	struct provider_server_options server;
	struct keyprovider_places places;
};

/* The daemon's. False: another one. */
static bool place_take(struct keyprovider_places *places, int code)
{
	switch (code) {
	case OPT_TTRPC:
		places->ttrpc = optarg;
		return true;
	case OPT_GRPC:
		places->grpc = optarg;
		return true;
	case OPT_GRPC_PLAIN:
		places->grpc_plain = true;
		return true;
	case OPT_TLS_CERT:
		places->tls.certificate = optarg;
		return true;
	case OPT_TLS_KEY:
		places->tls.key = optarg;
		return true;
	case OPT_TLS_CLIENT_CA:
		places->tls.ca = optarg;
		return true;
	default:
		return false;
	}
}

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
	default:
		if (place_take(&command->places, code))
			return 0;
		if (strcmp(optarg, "1") != 0 && strcmp(optarg, "2") != 0)
			return cli_usage("--packet-version is 1 or 2");
		o->packet_version = optarg[0] - '0';
		return 0;
	}
}

static int options_parse(int argc, char **argv, struct command *command)
{
	int code;
	while ((code = cli_option(argc, argv, ":", options)) != -1) {
		int result = code == '?' ? CLI_USAGE : option_take(command, code);
		if (result != 0)
			return result;
	}
	const struct keyprovider_places *p = &command->places;
	if (optind < argc)
		return cli_usage("no arguments but options");
	if (!p->tls.certificate != !p->tls.key || (p->tls.ca && !p->tls.key))
		return cli_usage("--tls-cert and --tls-key belong together, and --tls-client-ca to them");
	return 0;
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

static enum err command_run(const struct command *command, struct errmsg *em)
{
	AUTO(provider_server) *server = NULL;
	enum err e = provider_server_new(&command->server, &server, em);
	if (e != OK)
		return e;
	const struct keyprovider_places *places = &command->places;
	if (!places->ttrpc && !places->grpc && places->handed.count == 0)
		return request_serve(server, em);
	e = keyprovider_serve(server, places, em);
	/* Threads still use it; and nobody waits for them. */
	if (e == ERR_BUSY)
		_exit(cli_fail(e, em));
	return e;
}

int main(int argc, char **argv)
{
	struct command command = { .server = { .packet_version = 1 }, .places = { .tls = { .server = true } } };
	struct errmsg em = { "" };
	char module[OWN_MODULE_PATH_SIZE];
	cli_begin("kbs-keyprovider", help, argc, argv);
	int result = options_parse(argc, argv, &command);
	if (result != 0)
		return result;
	if (!command.server.module && own_module_path(module, NULL) == OK)
		command.server.module = module;
	enum err e = activation_take(&command.places.handed, &em);
	if (e == OK)
		e = command_run(&command, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
