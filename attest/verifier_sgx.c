#include "attest/cursor.h"
#include "attest/quote_appraise.h"
#include "attest/reference.h"
#include "attest/verifier_row.h"

enum { QUOTE_MAX = 64 << 10, FLAG_INIT = 1, FLAG_DEBUG = 2 };

/* {"quote":"<base64>"} */
enum err verifier_sgx_unpack(json_object *json, struct evidence *out, struct errmsg *em)
{
	return evidence_base64(json, "quote", QUOTE_MAX, &out->binary, em);
}

enum err verifier_sgx_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em)
{
	return appraise_quote(&trust_vendors, in, false, a, em);
}

static enum err references_check(const struct quote_case *c, struct errmsg *em)
{
	static const enum sgx_field fields[] = { SGX_MR_ENCLAVE,  SGX_MR_SIGNER, SGX_CONFIG_ID,
						 SGX_ISV_PROD_ID, SGX_ISV_SVN,   SGX_ATTRIBUTES };
	struct reference_value values[ARRAY_LEN(fields)];
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		values[i] = (struct reference_value){ sgx_field_name(fields[i]), sgx_field(c->quote.body, fields[i]),
						      NULL };
	return reference_appraise(c->to, c->in->reference, values, ARRAY_LEN(values), em);
}

static enum err claims_add(const struct quote_case *c, struct errmsg *em)
{
	struct bytes body = c->quote.body;
	json_object *said = json_object_new_object();
	bool held = said != NULL;
	for (unsigned i = 0; i < SGX_FIELDS && held; i++)
		held = claim_hex(said, sgx_field_name(i), sgx_field(body, i));
	c->to->claims = quote_claims(&c->quote, said);
	if (!held || !c->to->claims || !claim_hex(c->to->claims, "report_data", sgx_field(body, SGX_REPORT_DATA)) ||
	    !claim_hex(c->to->claims, "init_data", sgx_field(body, SGX_CONFIG_ID)) ||
	    !json_add_text(c->to->claims, "tcb_status", c->to->tcb_status) ||
	    !json_add_text(c->to->claims, "advisory_ids", c->to->advisories))
		return err_nomem(em, "claims");
	return OK;
}

enum err quote_sgx_appraise(const struct quote_case *c, struct errmsg *em)
{
	struct bytes body = c->quote.body;
	uint8_t flags = sgx_field(body, SGX_ATTRIBUTES).data[0];
	bool debug = flags & FLAG_DEBUG;
	bool init = flags & FLAG_INIT;
	appraisal_expect(c->to, CHECK("enclave debug", APPRAISAL_REFUSED), !debug,
			 (struct check_texts){ "off", debug ? "on" : "off" });
	appraisal_expect(c->to, CHECK("enclave initialized", APPRAISAL_REFUSED), init,
			 (struct check_texts){ "yes", init ? "yes" : "no" });
	appraise_bound(c->to,
		       &(struct appraise_field){ "report data", c->in->report_data, sgx_field(body, SGX_REPORT_DATA) });
	appraise_bound(c->to,
		       &(struct appraise_field){ "init data", c->in->init_data, sgx_field(body, SGX_CONFIG_ID) });
	enum err e = references_check(c, em);
	return e == OK ? claims_add(c, em) : e;
}
