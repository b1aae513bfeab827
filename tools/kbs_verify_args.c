#include "tools/kbs_verify.h"

#include "tools/cli.h"

#include <getopt.h>

static const struct option options[] = {
	{ "tee", required_argument, NULL, 't' },
	{ "collateral", required_argument, NULL, 'c' },
	{ "certs", required_argument, NULL, 'k' },
	{ "event-log", required_argument, NULL, 'e' },
	{ "signature", required_argument, NULL, 's' },
	{ "pcrs", required_argument, NULL, 'p' },
	{ "time", required_argument, NULL, 'T' },
	{ "report-data", required_argument, NULL, 'd' },
	{ "init-data", required_argument, NULL, 'i' },
	{ "reference", required_argument, NULL, 'r' },
	{ "vmpl", required_argument, NULL, 'v' },
	{ "accept-tcb", required_argument, NULL, 'a' },
	{ "eat", required_argument, NULL, 'E' },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static bool tcb_accept(struct verify_args *args, const char *name)
{
	for (unsigned n = 0; verifier_tcb_status(n); n++) {
		if (strcmp(verifier_tcb_status(n), name) == 0) {
			args->tcb_accepted |= 1U << n;
			return true;
		}
	}
	return false;
}

static const char **once(struct verify_args *args, int option)
{
	switch (option) {
	case 't':
		return &args->tee;
	case 'c':
		return &args->collateral;
	case 'e':
		return &args->event_log;
	case 'E':
		return &args->eat;
	case 's':
		return &args->signature;
	case 'p':
		return &args->pcrs;
	case 'T':
		return &args->time;
	case 'd':
		return &args->report_data;
	case 'i':
		return &args->init_data;
	case 'r':
		return &args->reference;
	default:
		return &args->vmpl;
	}
}

/* An option that is given twice would leave one of its values unused: for a check that is no small thing. */
static int option_take(struct verify_args *args, int option, const char *name)
{
	if (option == 'j') {
		args->json = true;
		return -1;
	}
	if (option == 'k') {
		if (args->cert_count == VERIFY_CERTS_MAX)
			return cli_usage("--certs: at most %d times", VERIFY_CERTS_MAX);
		args->certs[args->cert_count++] = optarg;
		return -1;
	}
	if (option == 'a')
		return tcb_accept(args, optarg) ? -1 : cli_usage("--accept-tcb %s: no such status", optarg);
	const char **to = once(args, option);
	if (*to)
		return cli_usage("%s: given twice", name);
	*to = optarg;
	return -1;
}

/* What is given and would not be looked at is refused. */
static int fit_check(const struct verify_args *args)
{
	static const char *const kinds[] = { "tdx", "sgx", "snp", "tpm", "json" };
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		known = known || strcmp(kinds[i], args->kind) == 0;
	if (!known)
		return cli_usage("%s: tdx, sgx, snp, tpm or json is wanted", args->kind);
	bool json = strcmp(args->kind, "json") == 0;
	if (json != (args->tee != NULL))
		return cli_usage(json ? "json: --tee NAME is missing" : "--tee: for json only");
	const char *tee = json ? args->tee : args->kind;
	bool snp = strcmp(tee, "snp") == 0;
	bool tdx = strcmp(tee, "tdx") == 0;
	bool tpm = strcmp(tee, "tpm") == 0;
	if ((snp || tpm) && (args->collateral || args->tcb_accepted))
		return cli_usage("--collateral, --accept-tcb: for Intel's TEEs only");
	if (!snp && args->vmpl)
		return cli_usage("--vmpl: for snp only");
	if (!snp && !tpm && args->cert_count)
		return cli_usage("--certs: for snp and tpm only");
	bool loose = tpm && !json; /* the parts of a quote come as files of their own */
	if (!loose && (args->signature || args->pcrs))
		return cli_usage("--signature, --pcrs: for tpm only");
	if (loose && !args->signature)
		return cli_usage("tpm: --signature FILE is missing");
	if (tpm && !args->cert_count)
		return cli_usage("tpm: --certs FILE is missing: the attestation keys that are trusted");
	if (!tdx && args->event_log)
		return cli_usage("--event-log: for tdx only");
	if (args->eat && args->json)
		return cli_usage("--eat, --json: one of them");
	if (args->tcb_accepted && !args->collateral)
		return cli_usage("--accept-tcb: without --collateral there is no TCB status");
	return -1;
}

int verify_args_read(struct verify_args *args, int argc, char **argv)
{
	int option;
	while ((option = cli_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		int code = option_take(args, option, argv[optind - 1]);
		if (code >= 0)
			return code;
	}
	if (argc - optind != 2)
		return cli_usage("a kind of evidence and one file are wanted");
	args->kind = argv[optind];
	args->file = argv[optind + 1];
	return fit_check(args);
}
