#include "attest/quote_appraise.h"

#include "attest/cursor.h"
#include "common/key_build.h"
#include "common/libctx.h"

/* Intel SGX Data Center Attestation Primitives, "ECDSA Quote Library API", appendix A: what is signed by whom. */

enum { CHAIN_LEN = 3 };

static enum err attestation_key(const struct quote *q, EVP_PKEY **out, struct errmsg *em)
{
	uint8_t point[65] = { 4 };
	memcpy(point + 1, q->attestation_key.data, 64);
	struct ec_numbers numbers = { ec_curve_by_crv("P-256"), BYTES(point), { NULL, 0 } };
	return ec_key_build(&numbers, out, em);
}

/* SHA-256(attestation key || authentication data) || 32 zeros */
static enum err qe_report_data(const struct quote *q, uint8_t out[64], struct errmsg *em)
{
	AUTO_BUF
	all = { 0 };
	size_t len = 0;
	memset(out, 0, 64);
	enum err e = buf_append(&all, q->attestation_key, 0, em);
	if (e == OK)
		e = buf_append(&all, q->auth_data, 0, em);
	if (e == OK && EVP_Q_digest(libctx(), "SHA256", NULL, all.data, all.len, out, &len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "SHA-256");
	return e;
}

static bool signature_check(const struct quote_case *c, const char *name, EVP_PKEY *key,
			    struct cert_signature signature)
{
	bool holds = cert_signed_by(key, signature);
	return appraisal_expect(c->to, CHECK(name, APPRAISAL_SIGNATURE), holds,
				(struct check_texts){ "holds", holds ? "holds" : "does not hold" });
}

/* Root, chain, QE report, attestation key, quote: each is believed because of the one before. */
static enum err signatures_check(struct quote_case *c, bool *holds, struct errmsg *em)
{
	const struct quote *q = &c->quote;
	struct cert_context cx = { c->to, c->in->now, "PCK certificate chain", "PCK certificate dates" };
	struct cert_pin pin = { "PCK chain root", c->trust->intel_root_sha256, c->chain.root };
	AUTO_OF(EVP_PKEY) *key = NULL;
	uint8_t bound[64];
	*holds = false;
	if (!cert_pin_check(c->to, &pin) || !cert_chain_check(&cx, &c->chain))
		return OK;
	if (!signature_check(c, "QE report signature", X509_get0_pubkey(c->chain.leaf),
			     (struct cert_signature){ q->qe_report, q->qe_signature }))
		return OK;
	enum err e = qe_report_data(q, bound, em);
	if (e != OK)
		return e;
	if (!appraisal_expect_bytes(c->to, CHECK("attestation key binding", APPRAISAL_SIGNATURE),
				    (struct check_bytes){ BYTES(bound), sgx_field(q->qe_report, SGX_REPORT_DATA) }))
		return OK;
	e = attestation_key(q, &key, em);
	if (e != OK)
		return appraisal_broken(c->to, "attestation key", e, em);
	*holds = signature_check(c, "quote signature", key, (struct cert_signature){ q->is_signed, q->signature });
	return OK;
}

static enum err chain_read(struct quote_case *c, struct errmsg *em)
{
	enum err e = cert_set_add(&c->certs, c->quote.pck_chain, em);
	if (e != OK)
		return e;
	if (sk_X509_num(c->certs.certs) != CHAIN_LEN || c->certs.crls)
		return err_set(em, ERR_PARSE, "the PCK chain is not leaf, CA and root");
	c->chain = (struct cert_chain){ sk_X509_value(c->certs.certs, 0), sk_X509_value(c->certs.certs, 1),
					sk_X509_value(c->certs.certs, 2) };
	return OK;
}

static enum err contents_appraise(struct quote_case *c, bool tdx, struct errmsg *em)
{
	struct bytes qe_attributes = sgx_field(c->quote.qe_report, SGX_ATTRIBUTES);
	bool debug = qe_attributes.data[0] & 2;
	appraisal_expect(c->to, CHECK("QE debug", APPRAISAL_REFUSED), !debug,
			 (struct check_texts){ "off", debug ? "on" : "off" });
	enum err e = quote_tcb_appraise(c, em);
	if (e != OK)
		return e;
	return tdx ? quote_tdx_appraise(c, em) : quote_sgx_appraise(c, em);
}

static enum err quote_judge(struct quote_case *c, bool tdx, struct errmsg *em)
{
	bool holds = false;
	snprintf(c->to->tcb_status, sizeof c->to->tcb_status, "not checked");
	enum err e = quote_parse(c->in->evidence, &c->quote, em);
	if (e == OK && c->quote.tdx != tdx)
		e = err_set(em, ERR_UNSUPPORTED, "it is a quote of %s", tdx ? "SGX" : "TDX");
	if (e == OK)
		e = chain_read(c, em);
	if (e != OK)
		return appraisal_broken(c->to, "quote format", e, em);
	e = signatures_check(c, &holds, em);
	if (e != OK || !holds)
		return e;
	e = pck_read(c->chain.leaf, &c->pck, em);
	if (e != OK)
		return appraisal_broken(c->to, "PCK certificate extension", e, em);
	return contents_appraise(c, tdx, em);
}

enum err appraise_quote(const struct trust *trust, const struct verifier_input *in, bool tdx, struct appraisal *a,
			struct errmsg *em)
{
	struct quote_case c = { .trust = trust, .in = in, .to = a };
	enum err e = quote_judge(&c, tdx, em);
	cert_set_clear(&c.certs);
	return e;
}

json_object *quote_claims(const struct quote *q, json_object *body)
{
	AUTO_OF(json_object) *claims = json_object_new_object();
	json_object *quote = json_object_new_object();
	json_object *header = json_object_new_object();
	bool held = quote && json_add(quote, "body", body);
	if (!quote)
		json_object_put(body);
	held = held && header && claim_hex(header, "version", bytes_part(q->header, 0, 2)) &&
	       claim_hex(header, "att_key_type", bytes_part(q->header, 2, 2)) &&
	       claim_hex(header, "tee_type", bytes_part(q->header, 4, 4)) &&
	       claim_hex(header, "vendor_id", bytes_part(q->header, 12, 16)) &&
	       claim_hex(header, "user_data", bytes_part(q->header, 28, 20));
	if (!quote || !json_add(quote, "header", header)) {
		json_object_put(quote ? NULL : header);
		held = false;
	}
	held = held && claims;
	if (!held || !json_add(claims, "quote", quote)) {
		if (!held)
			json_object_put(quote);
		return NULL;
	}
	return steal(&claims);
}
