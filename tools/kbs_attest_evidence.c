#include "tools/kbs_attest_args.h"

enum { EVIDENCE_MS = 60000 };

static enum err report_data_read(const char *hex, struct attest_digest *out, struct errmsg *em)
{
	size_t len = strlen(hex);
	if (len == 0 || len % 2 || len / 2 > sizeof out->data)
		return err_set(em, ERR_ARG, "--report-data: 1 to %zu bytes in hexadecimal are wanted",
			       sizeof out->data);
	out->len = len / 2;
	return hex_decode(hex, out->data, out->len, em) == OK ? OK : err_wrap(em, ERR_ARG, "--report-data");
}

static enum err evidence_take(const struct guest_args *args, struct errmsg *em)
{
	struct attester_machine machine = guest_args_machine(args);
	const struct attester *attester = NULL;
	struct attest_digest data;
	struct attester_request request = { &machine, &data, deadline_in_ms(EVIDENCE_MS) };
	AUTO_OF(json_object) *evidence = NULL;
	enum err e = report_data_read(args->report_data, &data, em);
	if (e == OK)
		e = attester_find(args->attester ? args->attester : "auto", &machine, &attester, em);
	if (e == OK)
		e = attester_evidence(attester, &request, &evidence, em);
	if (e != OK)
		return e;
	AUTO_STR
	char *text = json_text(evidence);
	return text ? guest_print(bytes_str(text), true, em) : err_nomem(em, "evidence");
}

int attest_evidence(int argc, char **argv)
{
	struct guest_args args = { .algorithm = NULL };
	struct errmsg em = { "" };
	int code = guest_args_read(&args, "trRp", argc, argv);
	if (code >= 0)
		return code;
	if (args.word_count || !args.report_data)
		return cli_usage("evidence: --report-data is wanted, and no other words");
	enum err e = evidence_take(&args, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}
