#include "tests/support/fuzz.h"

#include "attest/quote.h"
#include "attest/verifier.h"

static void inside(struct bytes whole, struct bytes part)
{
	if (part.len && (part.data < whole.data || part.data + part.len > whole.data + whole.len))
		abort();
}

/* The seeds are signed by nobody whom the verifier knows: none is affirmed. */
static void judge(struct bytes data, const char *tee)
{
	static struct appraisal a;
	struct verifier_input in = { .evidence = data, .now = 1893888000 };
	enum err e = verifier_appraise(tee, &in, &a, NULL);
	if (e == OK && a.status < APPRAISAL_SIGNATURE)
		abort();
	appraisal_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes all = { data, len };
	struct quote q;
	if (quote_parse(all, &q, NULL) == OK) {
		struct bytes parts[] = { q.header,    q.body,         q.is_signed, q.signature, q.attestation_key,
					 q.qe_report, q.qe_signature, q.auth_data, q.pck_chain };
		for (size_t i = 0; i < ARRAY_LEN(parts); i++)
			inside(all, parts[i]);
		if (q.signature.len != 64 || q.attestation_key.len != 64 || q.qe_report.len != SGX_REPORT_LEN)
			abort();
	}
	judge(all, "tdx");
	judge(all, "sgx");
	return 0;
}
