#pragma once
#include "attest/appraise.h"
#include "attest/cert.h"
#include "attest/pck.h"
#include "attest/quote.h"

/* A quote under judgement. Private to the files that judge quotes. */
struct quote_case {
	const struct trust *trust;
	const struct verifier_input *in;
	struct quote quote;
	struct cert_set certs; /* its PCK chain */
	struct cert_chain chain;
	struct pck pck;
	struct appraisal *to;
};

/* TCB, QE identity and revocation by the collateral that was given. ERR_PARSE, ERR_LIMIT: it is malformed. */
enum err quote_tcb_appraise(const struct quote_case *c, struct errmsg *em) MUST_USE;

/* What belongs to one kind of TEE; both add the claims. */
enum err quote_tdx_appraise(const struct quote_case *c, struct errmsg *em) MUST_USE;
enum err quote_sgx_appraise(const struct quote_case *c, struct errmsg *em) MUST_USE;

/* The claims {"quote":{"header":{...},"body":<body>}, ...}; takes `body`. NULL without memory. */
json_object *quote_claims(const struct quote *q, json_object *body);
