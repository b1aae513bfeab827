#include "tools/kbs_token.h"

#include "tools/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: kbs-token list [--module FILE] [--json]\n"
	"       kbs-token describe [LABEL] [--module FILE] [--json]\n"
	"       kbs-token get URI [--out FILE]\n"
	"       kbs-token doctor [--module FILE] [--json]\n"
	"       kbs-token serve --socket PATH [--module FILE]\n"
	"       kbs-token pin-verifier [scrypt|pbkdf2-sha256|pbkdf2-sha512]\n"
	"\n"
	"The PKCS#11 token whose keys a Key Broker Service (KBS) releases to attested TEEs only.\n"
	"\n"
	"list      what the token offers, as applications see it: label, class, id, key type, and the\n"
	"          pkcs11: URI to use. Touches no network.\n"
	"describe  per object: its URI, and what to write for OpenSSL, nginx, curl, ssh and skopeo. Touches no "
	"network\n"
	"get       attests, fetches one resource and writes it to standard output. Binary contents are not\n"
	"          written to a terminal. URI: kbs:///repository/type/tag, or just repository/type/tag\n"
	"doctor    checks configuration, KBS, TLS, attester, attestation, module and memory, and whether the programs\n"
	"          of this machine would find the token: one line each, with what to do about it\n"
	"serve     one attested process for others: they load p11-kit-client.so, with the P11_KIT_SERVER_ADDRESS that "
	"this\n"
	"          prints, need no KBS, and do not attest. For programs of the same user, and root\n"
	"pin-verifier\n"
	"          asks for a PIN, or reads it from standard input, and prints what \"pin\" takes in the "
	"configuration\n"
	"\n"
	"Options:\n"
	"  --config FILE   instead of KBS_PKCS11_CONF or /etc/kbs-pkcs11/kbs-pkcs11.json\n"
	"  --module FILE   the PKCS#11 module; default: kbs-pkcs11.so beside this program, else the installed one\n"
	"  --out FILE      get: write there (mode 0600, all or nothing) instead of to standard output\n"
	"  --socket PATH   serve: where to listen\n"
	"  --json          list, describe, doctor: for programs\n"
	"  --token LABEL   of several tokens, that one; default: all, and for get the first KBS that is the URI's\n"
	"\n"
	"Examples:\n"
	"  kbs-token doctor\n"
	"  kbs-token describe tls\n"
	"  kbs-token get kbs:///default/image/key --out key.pem\n"
	"  AA_KBC_PARAMS=cc_kbc::https://kbs.example:8080 kbs-token get default/image/key | openssl pkey -pubout\n"
	"\n"
	"Exit codes: 0 done; 1 a fault inside; 2 command line; 3 configuration; 4 KBS not reached, not verified\n"
	"(TLS) or busy; 5 attestation or policy refused; 6 no such resource or token; 7 integrity or\n"
	"cryptography; 8 malformed, too large or not supported; 9 key; 10 file. doctor: that of the first FAIL.\n"
	"See kbs-token(1).\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "module", required_argument, NULL, 'm' },
	{ "out", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, 'j' },
	{ "token", required_argument, NULL, 't' },
	{ "socket", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

static const struct command {
	const char *name;
	const char *takes; /* its options, by letter */
	int words, words_max;
	int (*run)(const struct token_args *args);
} commands[] = {
	{ "list", "cmjt", 0, 0, token_list },  { "describe", "cmjt", 0, 1, token_describe },
	{ "get", "cot", 1, 1, token_get },     { "doctor", "cmjt", 0, 0, token_doctor },
	{ "serve", "cms", 0, 0, token_serve }, { "pin-verifier", "", 0, 1, token_pin_verifier },
};

static void option_take(struct token_args *args, int option)
{
	if (option == 'c')
		args->config = optarg;
	if (option == 'm')
		args->module = optarg;
	if (option == 'o')
		args->out = optarg;
	if (option == 'j')
		args->json = true;
	if (option == 't')
		args->token = optarg;
	if (option == 's')
		args->socket = optarg;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct token_args args = { .config = NULL };
	int option;
	while ((option = cli_option(argc - 1, argv + 1, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (!strchr(command->takes, option))
			return cli_usage("%s: not an option of %s", argv[optind], command->name);
		option_take(&args, option);
	}
	args.words = argv + 1 + optind;
	args.word_count = argc - 1 - optind;
	if (args.word_count > command->words_max)
		return cli_usage("%s: too much", args.words[command->words_max]);
	if (args.word_count < command->words)
		return cli_usage("%s what? A URI is missing", command->name);
	return command->run(&args);
}

int main(int argc, char **argv)
{
	cli_begin("kbs-token", help, argc, argv);
	if (argc < 2)
		return cli_usage("a command is missing");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return run(&commands[i], argc, argv);
	return cli_usage("%s: no such command", argv[1]);
}

enum err token_settings(const struct token_args *args, struct settings **s, struct errmsg *em)
{
	enum err e = settings_load(args->config, s, em);
	if (e != ERR_NOT_FOUND || args->config)
		return e;
	*s = NULL;
	return OK;
}
