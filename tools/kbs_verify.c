#include "tools/kbs_verify.h"

#include "common/file.h"
#include "tools/cli.h"

#include <stdio.h>
#include <time.h>

static const char help[] =
	"Usage: kbs-verify tdx|sgx|snp|tpm FILE [options]\n"
	"       kbs-verify json FILE --tee NAME [options]\n"
	"\n"
	"Verifies evidence of a Trusted Execution Environment (TEE): a quote, a report, or the JSON in which the\n"
	"KBS protocol carries them. Opens no socket: everything that is needed is given as a file.\n"
	"Prints one line for each check, both values of those that failed, and the status.\n"
	"\n"
	"Options:\n"
	"  --tee NAME          json: tdx, sgx, snp or tpm\n"
	"  --collateral FILE   tdx, sgx: JSON bundle of TCB info, QE identity, CRLs. Without it the TCB is not judged\n"
	"  --certs FILE        snp: VCEK or VLEK certificate, further CA certificates, CRLs (PEM, DER, or the table\n"
	"                      of an extended report); several times. AMD's roots and CAs are built in\n"
	"                      tpm: the attestation keys that are trusted (PEM)\n"
	"  --signature FILE    tpm: the signature (TPMT_SIGNATURE) of FILE (TPMS_ATTEST), as tpm2_quote writes them\n"
	"  --pcrs FILE         tpm: the values of the quoted PCRs (tpm2_quote --pcrs_format values)\n"
	"  --event-log FILE    tdx: CCEL event log, replayed against the RTMRs\n"
	"  --time RFC3339      the clock, instead of now: 2025-07-01T00:00:00Z\n"
	"  --report-data HEX   what the evidence must be bound to; padded with zeros to 64 bytes\n"
	"  --init-data FILE    init data whose digest the evidence must carry\n"
	"  --reference FILE    reference values that the measurements must be among\n"
	"  --vmpl N            snp: the highest VMPL that is accepted, 0 to 3\n"
	"  --accept-tcb NAME   tdx, sgx: accept this TCB status besides UpToDate; several times\n"
	"  --json              for programs\n"
	"  --eat KEY           an attestation result (EAT, EAR profile) as a JWT, signed with this private key (PEM)\n"
	"\n"
	"Examples:\n"
	"  kbs-verify tdx quote.dat --collateral collateral.json --report-data 00ff...\n"
	"  kbs-verify snp report.bin --certs vcek.der --reference values.json\n"
	"  kbs-verify tpm quote.msg --signature quote.sig --pcrs quote.pcrs --certs ak.pem\n"
	"  kbs-verify json evidence.json --tee snp --json | jq -r .status\n"
	"\n"
	"Exit codes: 0 affirming; 1 a fault inside; 2 command line; 3 expired or not yet valid; 4 out-of-date TCB;\n"
	"5 genuine, but refused (debug, policy, revoked, another chip); 6 report data, init data, event log or\n"
	"measurements are others; 7 bad signature or chain; 8 malformed or not supported; 10 file. See "
	"kbs-verify(1).\n";

enum { FILE_MAX_LEN = 8 << 20 };

/* Files, kept as long as the input that borrows them. */
struct files {
	struct buf evidence, collateral, event_log, init_data, reference, signature, pcrs;
	struct buf certs[VERIFY_CERTS_MAX];
	struct bytes cert_views[VERIFY_CERTS_MAX];
	uint8_t report_data[ATTEST_DIGEST_MAX];
	struct attest_digest init_digest;
};

static void files_clear(struct files *f)
{
	struct buf *all[] = { &f->evidence,  &f->collateral, &f->event_log, &f->init_data,
			      &f->reference, &f->signature,  &f->pcrs };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_clear(all[i]);
	for (size_t i = 0; i < VERIFY_CERTS_MAX; i++)
		buf_clear(&f->certs[i]);
}

/* An empty file was given all the same: it is not the same as none. */
static enum err read_optional(const char *path, struct buf *to, struct bytes *view, struct errmsg *em)
{
	if (!path)
		return OK;
	enum err e = file_read(path, FILE_MAX_LEN, to, em);
	if (e == OK && to->len == 0)
		return err_set(em, ERR_PARSE, "%s is empty", path);
	*view = buf_bytes(to);
	return e;
}

static enum err files_read(const struct verify_args *args, struct files *f, struct verifier_input *in,
			   struct errmsg *em)
{
	struct bytes init_data = { NULL, 0 };
	enum err e = read_optional(args->file, &f->evidence, &in->evidence, em);
	if (e == OK)
		e = read_optional(args->collateral, &f->collateral, &in->collateral, em);
	if (e == OK)
		e = read_optional(args->event_log, &f->event_log, &in->event_log, em);
	if (e == OK)
		e = read_optional(args->reference, &f->reference, &in->reference, em);
	if (e == OK)
		e = read_optional(args->signature, &f->signature, &in->tpm.signature, em);
	if (e == OK)
		e = read_optional(args->pcrs, &f->pcrs, &in->tpm.pcrs, em);
	if (e == OK)
		e = read_optional(args->init_data, &f->init_data, &init_data, em);
	for (size_t i = 0; i < args->cert_count && e == OK; i++)
		e = read_optional(args->certs[i], &f->certs[i], &f->cert_views[i], em);
	if (e == OK && init_data.data)
		e = verifier_init_data_digest(init_data, &f->init_digest, em);
	in->certs = f->cert_views;
	in->cert_count = args->cert_count;
	if (init_data.data)
		in->init_data = (struct bytes){ f->init_digest.data, f->init_digest.len };
	return e;
}

static enum err values_read(const struct verify_args *args, struct files *f, struct verifier_input *in,
			    struct errmsg *em)
{
	in->now = time(NULL);
	in->tcb_accepted = args->tcb_accepted;
	if (args->time && !appraisal_time_parse(args->time, &in->now))
		return err_set(em, ERR_ARG, "--time %.40s: not like 2025-07-01T00:00:00Z", args->time);
	if (args->vmpl) {
		if (strlen(args->vmpl) != 1 || args->vmpl[0] < '0' || args->vmpl[0] > '3')
			return err_set(em, ERR_ARG, "--vmpl %.40s: 0 to 3 is wanted", args->vmpl);
		in->vmpl_given = true;
		in->vmpl_max = (unsigned)(args->vmpl[0] - '0');
	}
	if (!args->report_data)
		return OK;
	size_t len = strlen(args->report_data) / 2;
	if (len == 0 || len > sizeof f->report_data || hex_decode(args->report_data, f->report_data, len, em) != OK)
		return err_set(em, ERR_ARG, "--report-data: 1 to 64 bytes in hexadecimal are wanted");
	in->report_data = (struct bytes){ f->report_data, len };
	return OK;
}

static enum err appraise(const struct verify_args *args, const struct verifier_input *in, struct appraisal *a,
			 struct errmsg *em)
{
	if (strcmp(args->kind, "json") != 0)
		return verifier_appraise(args->kind, in, a, em);
	AUTO_OF(json_object) *evidence = NULL;
	enum err e = json_parse(in->evidence, FILE_MAX_LEN, JSON_STRICT, &evidence, em);
	return e == OK ? verifier_appraise_json(args->tee, evidence, in, a, em) : err_wrap(em, e, "%s", args->file);
}

static int verify(const struct verify_args *args, struct files *f, struct errmsg *em)
{
	static struct appraisal a;
	struct verifier_input in = { .now = 0 };
	enum err e = values_read(args, f, &in, em);
	if (e == OK)
		e = files_read(args, f, &in, em);
	if (e == OK)
		e = appraise(args, &in, &a, em);
	if (e == OK)
		e = args->eat    ? verify_print_eat(args, &in, &a, em)
		    : args->json ? verify_print_json(args->tee ? args->tee : args->kind, &a, em)
				 : verify_print_table(&a, em);
	int code = e == OK ? verify_exit_code(a.status) : verify_error_code(e);
	if (e != OK)
		(void)cli_fail(e, em);
	appraisal_clear(&a);
	return code;
}

int main(int argc, char **argv)
{
	struct verify_args args = { .kind = NULL };
	struct files f = { .init_digest = { .len = 0 } };
	struct errmsg em = { "" };
	cli_begin("kbs-verify", help, argc, argv);
	int code = verify_args_read(&args, argc, argv);
	if (code < 0)
		code = verify(&args, &f, &em);
	files_clear(&f);
	return code;
}
