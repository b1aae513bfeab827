#include "attest/verifier.h"

#include "attest/tcb.h"
#include "attest/verifier_row.h"
#include "common/base64.h"

static const struct verifier verifiers[] = {
	{ "tdx", verifier_tdx_unpack, verifier_tdx_appraise, true },
	{ "sgx", verifier_sgx_unpack, verifier_sgx_appraise, true },
	{ "snp", verifier_snp_unpack, verifier_snp_appraise, false },
	{ "tpm", verifier_tpm_unpack, verifier_tpm_appraise, false },
};

static enum err find(const char *tee, const struct verifier **out, struct errmsg *em)
{
	for (size_t i = 0; i < ARRAY_LEN(verifiers); i++) {
		if (strcmp(verifiers[i].tee, tee) == 0) {
			*out = &verifiers[i];
			return OK;
		}
	}
	return err_set(em, ERR_UNSUPPORTED, "no verifier for evidence of \"%.32s\"", tee);
}

const char *verifier_tcb_status(unsigned n)
{
	return n < TCB_REVOKED ? tcb_status_name((enum tcb_status)n) : NULL;
}

static enum err appraise(const struct verifier *v, const struct verifier_input *in, struct appraisal *out,
			 struct errmsg *em)
{
	memset(out, 0, sizeof *out);
	if (in->report_data.len > ATTEST_DIGEST_MAX)
		return err_set(em, ERR_ARG, "report data of %zu bytes: at most %d", in->report_data.len,
			       ATTEST_DIGEST_MAX);
	enum err e = v->appraise(in, out, em);
	if (e != OK)
		appraisal_clear(out);
	return e;
}

enum err verifier_init_data_digest(struct bytes file, struct attest_digest *out, struct errmsg *em)
{
	AUTO(init_data) *d = NULL;
	enum err e = init_data_parse(file, &d, em);
	return e == OK ? init_data_digest(d, out, em) : e;
}

enum err verifier_appraise(const char *tee, const struct verifier_input *in, struct appraisal *out, struct errmsg *em)
{
	const struct verifier *v = NULL;
	memset(out, 0, sizeof *out);
	enum err e = find(tee, &v, em);
	return e == OK ? appraise(v, in, out, em) : e;
}

enum err evidence_base64(json_object *json, const char *name, size_t max, struct buf *out, struct errmsg *em)
{
	const char *text = NULL;
	enum err e = json_get_string(json, name, &text, em);
	if (e == OK && strlen(text) / 4 * 3 > max + 3)
		e = err_set(em, ERR_LIMIT, "more than %zu bytes", max);
	if (e == OK)
		e = base64_decode(BASE64_STD, bytes_str(text), out, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

static void evidence_clear(struct evidence *e)
{
	buf_clear(&e->binary);
	buf_clear(&e->event_log);
	buf_clear(&e->signature);
	buf_clear(&e->pcrs);
	buf_clear(&e->key);
	for (size_t i = 0; i < EVIDENCE_CERTS_MAX; i++)
		buf_clear(&e->certs[i]);
}

static enum err appraise_unpacked(const struct verifier *v, const struct evidence *evidence,
				  const struct verifier_input *in, struct appraisal *out, struct errmsg *em)
{
	struct verifier_input all = *in;
	size_t count = in->cert_count + evidence->cert_count;
	struct bytes *certs = calloc(count + 1, sizeof *certs);
	if (!certs)
		return err_nomem(em, "certificates");
	/* What the caller gave comes first: it is found first. */
	for (size_t i = 0; i < count; i++)
		certs[i] = i < in->cert_count ? in->certs[i] : buf_bytes(&evidence->certs[i - in->cert_count]);
	all.evidence = buf_bytes(&evidence->binary);
	all.certs = certs;
	all.cert_count = count;
	if (evidence->event_log.len)
		all.event_log = buf_bytes(&evidence->event_log);
	if (evidence->signature.len) {
		all.tpm.signature = buf_bytes(&evidence->signature);
		all.tpm.pcrs = buf_bytes(&evidence->pcrs);
		all.tpm.key = buf_bytes(&evidence->key);
	}
	enum err e = appraise(v, &all, out, em);
	free(certs);
	return e;
}

static enum err appraise_json(const struct verifier *v, json_object *json, const struct verifier_input *in,
			      struct appraisal *out, struct errmsg *em)
{
	struct evidence evidence = { .cert_count = 0 };
	memset(out, 0, sizeof *out);
	enum err e = json_object_is_type(json, json_type_object) ? v->unpack(json, &evidence, em)
								 : err_set(em, ERR_PARSE, "the evidence is no object");
	if (e != OK)
		e = appraisal_broken(out, "evidence format", e, em);
	else
		e = appraise_unpacked(v, &evidence, in, out, em);
	evidence_clear(&evidence);
	return e;
}

enum err verifier_appraise_json(const char *tee, json_object *evidence, const struct verifier_input *in,
				struct appraisal *out, struct errmsg *em)
{
	const struct verifier *v = NULL;
	memset(out, 0, sizeof *out);
	enum err e = find(tee, &v, em);
	return e == OK ? appraise_json(v, evidence, in, out, em) : e;
}

/* The worst check as an error. */
static enum err refusal(const struct appraisal *a, struct errmsg *em)
{
	const struct appraisal_check *check = appraisal_worst(a);
	enum err e = a->status == APPRAISAL_MALFORMED ? ERR_PARSE
		     : a->status == APPRAISAL_EXPIRED ? ERR_EXPIRED
						      : ERR_ATTEST;
	if (a->status == APPRAISAL_AFFIRMING)
		return OK;
	if (!check->expected[0])
		return err_set(em, e, "%s: %s", check->name, check->actual);
	return err_set(em, e, "%s (%s): expected %s, is %s", check->name, appraisal_status_name(a->status),
		       check->expected, check->actual);
}

static enum err check_row(const struct verifier *v, const struct verifier_policy *policy,
			  const struct verifier_request *request, json_object **claims, struct errmsg *em)
{
	struct verifier_input in = {
		.collateral = policy->collateral,
		.reference = policy->reference,
		.report_data = { request->report_data->data, request->report_data->len },
		.tcb_accepted = policy->tcb_accepted,
		.certs = &policy->tpm_keys,
		.cert_count = v->appraise == verifier_tpm_appraise && policy->tpm_keys.data,
		.vmpl_given = true,
		.now = policy->now,
	};
	if (request->init_data)
		in.init_data = (struct bytes){ request->init_data->data, request->init_data->len };
	if (v->needs_collateral && !policy->collateral.data && !policy->allow_unchecked_tcb)
		return err_set(em, ERR_ATTEST, "no collateral is configured, so its TCB cannot be judged");
	if (!policy->reference.data && !policy->allow_any_measurement)
		return err_set(em, ERR_ATTEST,
			       "no reference values are configured, so any guest of this kind would do");
	struct appraisal *a = calloc(1, sizeof *a);
	if (!a)
		return err_nomem(em, "an appraisal");
	enum err e = appraise_json(v, request->evidence, &in, a, em);
	if (e == OK)
		e = refusal(a, em);
	if (e == OK)
		*claims = steal(&a->claims);
	appraisal_clear(a);
	free(a);
	return e;
}

enum err verifier_check(const struct verifier_policy *policy, const struct verifier_request *request,
			json_object **claims, struct errmsg *em)
{
	const struct verifier *v = NULL;
	*claims = NULL;
	if (!json_object_is_type(request->evidence, json_type_object))
		return err_set(em, ERR_PARSE, "the evidence is no object");
	bool sample = strcmp(request->tee, "sample") == 0;
	enum err e = sample ? OK : find(request->tee, &v, em);
	if (e != OK)
		return e;
	e = sample ? verifier_sample_check(policy, request, claims, em) : check_row(v, policy, request, claims, em);
	return e == OK ? OK : err_wrap(em, e, "evidence of \"%s\"", request->tee);
}
