#include "attest/guest_device.h"
#include "attest/snp_evidence.h"
#include "attest/snp_report.h"
#include "attest/tsm_attester.h"

/* AMD SEV-SNP. {"attestation_report":{...},"cert_chain":[{"cert_type":"VCEK","data":[...]}]|null} */

#define PROVIDER "sev_guest"
#define DEVICE "/dev/sev-guest"

bool attester_snp_found(const struct attester_machine *machine, struct errmsg *why)
{
	if (machine_has(machine, DEVICE) || tsm_found(machine, PROVIDER, why))
		return true;
	(void)err_wrap(why, ERR_NOT_FOUND, "no " DEVICE);
	return false;
}

static enum err device_take(const struct attester_request *r, struct tsm_answer *out, struct errmsg *em)
{
	uint8_t data[REPORT_DATA_LEN];
	AUTO_STR
	char *path = machine_path(r->machine, DEVICE);
	if (!path)
		return err_nomem(em, "a path");
	report_data_pad(r->report_data, data);
	struct snp_device_request request = { path, data, r->deadline };
	enum err e = snp_device_report(&guest_device_linux, &request, out, em);
	return e == ERR_NOT_FOUND ? err_wrap(em, ERR_ATTEST, "neither configfs-tsm nor its device") : e;
}

static enum err report_take(const struct attester_request *r, struct tsm_answer *out, struct snp_report *report,
			    struct errmsg *em)
{
	enum err e = tsm_take(r, (struct tsm_wish){ PROVIDER, true }, out, em);
	if (e == ERR_NOT_FOUND)
		e = device_take(r, out, em);
	if (e == OK)
		e = snp_report_parse(buf_bytes(&out->outblob), report, em);
	if (e == OK)
		e = tsm_answers(r, snp_field(report, SNP_REPORT_DATA), em);
	return e == ERR_PARSE || e == ERR_UNSUPPORTED ? err_wrap(em, ERR_ATTEST, "report") : e;
}

enum err attester_snp_evidence(const struct attester_request *r, json_object **out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	struct snp_report report;
	enum err e = report_take(r, &answer, &report, em);
	return e == OK ? snp_evidence_make(&report, buf_bytes(&answer.auxblob), out, em) : e;
}

/* HOST_DATA of a report of our own. */
enum err attester_snp_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	struct snp_report report;
	enum err e = report_take(r, &answer, &report, em);
	if (e != OK)
		return e;
	struct bytes field = snp_field(&report, SNP_HOST_DATA);
	memcpy(out->data, field.data, field.len);
	out->len = field.len;
	return OK;
}
