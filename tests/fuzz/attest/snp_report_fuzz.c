#include "tests/support/fuzz.h"

#include "attest/snp_report.h"
#include "attest/verifier.h"

/* A report, and behind it (if there is more) certificates in any of their forms. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct appraisal a;
	size_t report = len < SNP_REPORT_LEN ? len : SNP_REPORT_LEN;
	struct bytes certs = { data + report, len - report };
	struct verifier_input in = { .evidence = { data, report }, .certs = &certs, .now = 1893888000 };
	in.cert_count = certs.len > 0;
	enum err e = verifier_appraise("snp", &in, &a, NULL);
	if (e == OK && a.status < APPRAISAL_SIGNATURE && !appraisal_worst(&a))
		abort();
	appraisal_clear(&a);
	return 0;
}
