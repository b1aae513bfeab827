#include "tests/support/fuzz.h"

#include "attest/attester_row.h"
#include "attest/cca_token.h"
#include "attest/snp_evidence.h"

/* What a device or its host answers an attester: a CCA token, or an SNP report with its certificate table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cca_realm realm;
	struct snp_report report;
	AUTO_OF(json_object) *evidence = NULL;
	if (cca_realm_read((struct bytes){ data, len }, &realm, NULL) == OK &&
	    (realm.challenge.data < data || realm.challenge.data + 64 > data + len ||
	     realm.personalization.data < data || realm.personalization.data + 64 > data + len))
		abort();
	if (len < SNP_REPORT_LEN || snp_report_parse((struct bytes){ data, SNP_REPORT_LEN }, &report, NULL) != OK)
		return 0;
	struct bytes table = { data + SNP_REPORT_LEN, len - SNP_REPORT_LEN };
	if (snp_evidence_make(&report, table, &evidence, NULL) == OK && !evidence)
		abort();
	return 0;
}
