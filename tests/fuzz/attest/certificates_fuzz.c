#include "tests/support/fuzz.h"

#include "attest/cert_table.h"
#include "attest/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes all = { data, len };
	struct pck pck;
	AUTO_CERTS
	table = { NULL, NULL };
	AUTO_CERTS
	set = { NULL, NULL };
	(void)!cert_table_add(&table, all, NULL);
	(void)!pck_extension_read(all, &pck, NULL);
	if (cert_set_add(&set, all, NULL) != OK)
		return 0;
	for (int i = 0; i < sk_X509_num(set.certs); i++) {
		char name[CERT_NAME_MAX];
		X509 *cert = sk_X509_value(set.certs, i);
		cert_common_name(cert, name);
		(void)cert_extension(cert, "1.3.6.1.4.1.3704.1.4");
		(void)!pck_read(cert, &pck, NULL);
	}
	return 0;
}
