#include "tools/kbs_attest_args.h"

#include <getopt.h>
#include <stdio.h>

static const struct option options[] = {
	{ "algorithm", required_argument, NULL, 'a' },   { "json", no_argument, NULL, 'j' },
	{ "annotation", no_argument, NULL, 'n' },        { "disk", no_argument, NULL, 'd' },
	{ "tee", required_argument, NULL, 'e' },         { "attester", required_argument, NULL, 't' },
	{ "report-data", required_argument, NULL, 'r' }, { "tee-root", required_argument, NULL, 'R' },
	{ "tpm", required_argument, NULL, 'p' },         { NULL, 0, NULL, 0 },
};

static int option_take(struct guest_args *args, int option, const char *name)
{
	const struct {
		int option;
		const char **to;
	} values[] = { { 'a', &args->algorithm },   { 'e', &args->tee },      { 't', &args->attester },
		       { 'r', &args->report_data }, { 'R', &args->tee_root }, { 'p', &args->tpm } };
	args->json |= option == 'j';
	args->annotation |= option == 'n';
	args->disk |= option == 'd';
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i].option != option)
			continue;
		if (*values[i].to)
			return cli_usage("%s: given twice", name);
		*values[i].to = optarg;
	}
	return -1;
}

int guest_args_read(struct guest_args *args, const char *allowed, int argc, char **argv)
{
	int option;
	while ((option = cli_option(argc, argv, ":", options)) != -1) {
		if (option == '?')
			return CLI_USAGE;
		if (!strchr(allowed, option))
			return cli_usage("%s: not an option of this command", argv[optind - 1]);
		int code = option_take(args, option, argv[optind - 1]);
		if (code >= 0)
			return code;
	}
	args->words = argv + optind;
	args->word_count = argc - optind;
	return -1;
}

struct attester_machine guest_args_machine(const struct guest_args *args)
{
	return (struct attester_machine){ args->tee_root, args->tpm };
}

enum err guest_print(struct bytes text, bool line, struct errmsg *em)
{
	bool good = text.len == 0 || fwrite(text.data, 1, text.len, stdout) == text.len;
	if (line)
		good = good && putchar('\n') != EOF;
	return good && fflush(stdout) == 0 ? OK : err_errno(em, ERR_IO, "standard output");
}
