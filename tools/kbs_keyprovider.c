#include "keywrap/provider_server.h"

#include "common/file.h"
#include "keywrap/provider_message.h"
#include "tools/cli.h"
#include "tools/own_module.h"

#include <errno.h>
#include <getopt.h>
#include <strings.h>

static const char help[] =
	"Usage: kbs-keyprovider [OPTION]...\n"
	"A key provider of ocicrypt: wraps and unwraps the keys of encrypted image layers with keys of a PKCS#11\n"
	"token. Reads one request from standard input and writes the answer to standard output.\n"
	"\n"
	"  --token URI             the token, a PKCS#11 URI without an object; a PIN by pin-source only\n"
	"                          (default: this project's own token)\n"
	"  --module FILE           the PKCS#11 module to load (default: this project's own)\n"
	"  --name NAME             whose parameters in a request are meant (default: the only ones)\n"
	"  --packet-version 1|2    which annotation packet to write (default 1, which every reader knows)\n"
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

enum option_code { OPT_TOKEN = 256, OPT_MODULE, OPT_NAME, OPT_PACKET };

static const struct option options[] = {
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "packet-version", required_argument, NULL, OPT_PACKET },
	{ NULL, 0, NULL, 0 },
};

static int option_take(struct provider_server_options *o, int code)
{
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
		if (strcmp(optarg, "1") != 0 && strcmp(optarg, "2") != 0)
			return cli_usage("--packet-version is 1 or 2");
		o->packet_version = optarg[0] - '0';
		return 0;
	}
}

static int options_parse(int argc, char **argv, struct provider_server_options *o)
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
		int result = option_take(o, code);
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

static enum err request_serve(const struct provider_server_options *o, struct errmsg *em)
{
	AUTO(provider_server) *server = NULL;
	AUTO(secret) *request = NULL;
	AUTO(secret) *answer = NULL;
	enum err e = provider_server_new(o, &server, em);
	if (e != OK)
		return e;
	e = file_read_secret("-", PROVIDER_MESSAGE_MAX, &request, em);
	if (e == OK)
		e = provider_server_answer(server, secret_bytes(request), &answer, em);
	return e == OK ? answer_give(secret_bytes(answer), em) : e;
}

int main(int argc, char **argv)
{
	struct provider_server_options o = { .packet_version = 1 };
	struct errmsg em = { "" };
	char module[OWN_MODULE_PATH_SIZE];
	cli_begin("kbs-keyprovider", help, argc, argv);
	int result = options_parse(argc, argv, &o);
	if (result != 0)
		return result;
	if (!o.module && own_module_path(module, NULL) == OK)
		o.module = module;
	enum err e = request_serve(&o, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
