#include "attest/cursor.h"
#include "attest/event_log.h"
#include "attest/quote_appraise.h"
#include "attest/reference.h"
#include "attest/verifier_row.h"

enum { QUOTE_MAX = 64 << 10 };

/* {"quote":"<base64>","cc_eventlog":"<base64>"|null} */
enum err verifier_tdx_unpack(json_object *json, struct evidence *out, struct errmsg *em)
{
	const char *log = NULL;
	enum err e = evidence_base64(json, "quote", QUOTE_MAX, &out->binary, em);
	if (e == OK)
		e = json_get_string_opt(json, "cc_eventlog", &log, em);
	if (e == OK && log && *log)
		e = evidence_base64(json, "cc_eventlog", EVENT_LOG_MAX, &out->event_log, em);
	return e;
}

enum err verifier_tdx_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em)
{
	return appraise_quote(&trust_vendors, in, true, a, em);
}

static enum err event_log_check(const struct quote_case *c, struct errmsg *em)
{
	static const char *const names[] = { "event log RTMR0", "event log RTMR1", "event log RTMR2",
					     "event log RTMR3" };
	struct event_log_registers replayed;
	if (!c->in->event_log.data) {
		appraisal_not_made(c->to, "event log", "none given");
		return OK;
	}
	enum err e = event_log_replay(c->in->event_log, &replayed, em);
	if (e != OK)
		return appraisal_broken(c->to, "event log", e, em);
	for (int i = 0; i < EVENT_RTMRS; i++)
		appraisal_expect_bytes(
			c->to, CHECK(names[i], APPRAISAL_MISMATCH),
			(struct check_bytes){ BYTES(replayed.rtmr[i]), td_field(c->quote.body, TD_RTMR0 + i) });
	return OK;
}

static enum err references_check(const struct quote_case *c, struct errmsg *em)
{
	struct reference_value values[TD_FIELDS_15];
	unsigned fields = c->quote.body.len == TD15_REPORT_LEN ? TD_FIELDS_15 : TD_FIELDS_10;
	size_t count = 0;
	for (unsigned i = TD_MR_SEAM; i < fields; i++)
		if (i != TD_REPORT_DATA && i != TD_TEE_TCB_SVN2)
			values[count++] =
				(struct reference_value){ td_field_name(i), td_field(c->quote.body, i), NULL };
	/* Which event of a log is the kernel depends on the firmware: a value that cannot be compared fails. */
	values[count++] = (struct reference_value){ "tdvfkernel", { NULL, 0 }, "not compared here: use rtmr_1" };
	values[count++] = (struct reference_value){ "tdvfkernelparams", { NULL, 0 }, "not compared here: use rtmr_2" };
	return reference_appraise(c->to, c->in->reference, values, count, em);
}

static enum err claims_add(const struct quote_case *c, struct errmsg *em)
{
	struct bytes body = c->quote.body;
	unsigned fields = body.len == TD15_REPORT_LEN ? TD_FIELDS_15 : TD_FIELDS_10;
	json_object *said = json_object_new_object();
	bool held = said != NULL;
	for (unsigned i = 0; i < fields && held; i++)
		held = claim_hex(said, td_field_name(i), td_field(body, i));
	c->to->claims = quote_claims(&c->quote, said);
	if (!held || !c->to->claims || !claim_hex(c->to->claims, "report_data", td_field(body, TD_REPORT_DATA)) ||
	    !claim_hex(c->to->claims, "init_data", td_field(body, TD_MR_CONFIG_ID)) ||
	    !json_add_text(c->to->claims, "tcb_status", c->to->tcb_status) ||
	    !json_add_text(c->to->claims, "advisory_ids", c->to->advisories))
		return err_nomem(em, "claims");
	return OK;
}

enum err quote_tdx_appraise(const struct quote_case *c, struct errmsg *em)
{
	struct bytes body = c->quote.body;
	struct bytes attributes = td_field(body, TD_ATTRIBUTES);
	static const uint8_t none[8] = { 0 };
	/* The first byte is the TUD group: whatever is set in it, the host may look into the TD. Bit 0 is DEBUG. */
	appraisal_expect_bytes(c->to, CHECK("TD debug", APPRAISAL_REFUSED),
			       (struct check_bytes){ { none, 1 }, bytes_part(attributes, 0, 1) });
	appraisal_expect_bytes(c->to, CHECK("SEAM attributes", APPRAISAL_REFUSED),
			       (struct check_bytes){ BYTES(none), td_field(body, TD_SEAM_ATTRIBUTES) });
	appraise_bound(c->to,
		       &(struct appraise_field){ "report data", c->in->report_data, td_field(body, TD_REPORT_DATA) });
	appraise_bound(c->to,
		       &(struct appraise_field){ "init data", c->in->init_data, td_field(body, TD_MR_CONFIG_ID) });
	enum err e = event_log_check(c, em);
	if (e == OK)
		e = references_check(c, em);
	return e == OK ? claims_add(c, em) : e;
}
