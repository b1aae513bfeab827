#include "attest/guest_device.h"
#include "attest/quote.h"
#include "attest/tsm_attester.h"
#include "common/file.h"
#include "common/log.h"

/* Intel TDX. {"quote":"<base64>","cc_eventlog":"<base64>"|null} */

#define PROVIDER "tdx_guest"
#define DEVICE "/dev/tdx_guest"
#define EVENT_LOG "/sys/firmware/acpi/tables/data/CCEL"
#define MRCONFIGID "/sys/devices/virtual/misc/tdx_guest/measurements/mrconfigid" /* Linux 6.16 */

enum { CCEL_MAX = 1 << 20 }; /* in base64, with the quote, below what a KBS takes */

bool attester_tdx_found(const struct attester_machine *machine, struct errmsg *why)
{
	if (machine_has(machine, DEVICE) || tsm_found(machine, PROVIDER, why))
		return true;
	(void)err_wrap(why, ERR_NOT_FOUND, "no " DEVICE);
	return false;
}

/* The kernel's ioctl gives a TDREPORT, which only this processor can check: to make it a quote takes the quoting
 * service of the host, which configfs-tsm asks. */
static enum err quote_take(const struct attester_request *r, struct tsm_answer *out, struct quote *quote,
			   struct errmsg *em)
{
	enum err e = tsm_take(r, (struct tsm_wish){ PROVIDER, false }, out, em);
	if (e == ERR_NOT_FOUND)
		return err_set(
			em, ERR_ATTEST,
			"a quote comes through configfs-tsm, and it is not there: Linux 6.7 or newer is wanted, with "
			"configfs mounted (" DEVICE " alone gives a TDREPORT, which no KBS can check)");
	if (e == OK)
		e = quote_parse(buf_bytes(&out->outblob), quote, em);
	if (e == OK && !quote->tdx)
		e = err_set(em, ERR_ATTEST, "the quote is none of a TD");
	if (e == OK)
		e = tsm_answers(r, td_field(quote->body, TD_REPORT_DATA), em);
	/* What the device gives is not for the caller to mend. */
	return e == ERR_PARSE || e == ERR_UNSUPPORTED ? err_wrap(em, ERR_ATTEST, "quote") : e;
}

/* *out stays empty where the firmware left no log, or root alone may read it. */
static enum err event_log_read(const struct attester_machine *machine, struct buf *out, struct errmsg *em)
{
	AUTO_STR
	char *path = machine_path(machine, EVENT_LOG);
	if (!path)
		return err_nomem(em, "a path");
	enum err e = file_read(path, CCEL_MAX, out, em);
	if (e == ERR_NOT_FOUND || e == ERR_IO) {
		log_warn("attest", "event_log", "none is attached: %s", em ? em->text : "?");
		buf_clear(out);
		return OK;
	}
	return e;
}

enum err attester_tdx_evidence(const struct attester_request *r, json_object **out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	AUTO_BUF
	log = { 0 };
	struct quote quote;
	enum err e = quote_take(r, &answer, &quote, em);
	if (e == OK)
		e = event_log_read(r->machine, &log, em);
	if (e != OK)
		return e;
	AUTO_OF(json_object) *evidence = json_object_new_object();
	bool good = evidence_put_base64(evidence, "quote", buf_bytes(&answer.outblob));
	if (log.len)
		good = good && evidence_put_base64(evidence, "cc_eventlog", buf_bytes(&log));
	else
		good = good && json_object_object_add(evidence, "cc_eventlog", NULL) == 0;
	if (!good)
		return err_nomem(em, "evidence");
	*out = steal(&evidence);
	return OK;
}

static enum err carried_file(const struct attester_machine *machine, struct attest_digest *out, struct errmsg *em)
{
	AUTO_BUF
	value = { 0 };
	AUTO_STR
	char *path = machine_path(machine, MRCONFIGID);
	if (!path)
		return err_nomem(em, "a path");
	enum err e = file_read(path, ATTEST_DIGEST_MAX, &value, em);
	if (e != OK)
		return e;
	if (value.len != TDREPORT_MRCONFIGID_LEN)
		return err_set(em, ERR_ATTEST, "%s has %zu bytes", path, value.len);
	memcpy(out->data, value.data, value.len);
	return OK;
}

static enum err carried_device(const struct attester_machine *machine, struct attest_digest *out, struct errmsg *em)
{
	uint8_t report[TDREPORT_LEN];
	AUTO_STR
	char *path = machine_path(machine, DEVICE);
	if (!path)
		return err_nomem(em, "a path");
	enum err e = tdx_device_report(&guest_device_linux, path, report, em);
	if (e == OK)
		memcpy(out->data, report + TDREPORT_MRCONFIGID, TDREPORT_MRCONFIGID_LEN);
	return e;
}

/* MRCONFIGID: from sysfs, a TDREPORT, or a quote of our own, whichever there is. */
enum err attester_tdx_carried(const struct attester_request *r, struct attest_digest *out, struct errmsg *em)
{
	AUTO_TSM_ANSWER answer = { .outblob = { 0 } };
	struct quote quote;
	out->len = TDREPORT_MRCONFIGID_LEN;
	enum err e = carried_file(r->machine, out, em);
	if (e == ERR_NOT_FOUND)
		e = carried_device(r->machine, out, em);
	if (e != ERR_NOT_FOUND)
		return e;
	e = quote_take(r, &answer, &quote, em);
	if (e == OK)
		memcpy(out->data, td_field(quote.body, TD_MR_CONFIG_ID).data, TDREPORT_MRCONFIGID_LEN);
	return e;
}
