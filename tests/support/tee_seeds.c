/* Writes the seeds of attest/'s fuzz targets: tee_seeds SRCDIR/tests/fuzz/attest. By hand, when a format changes. */
#include "common/base64.h"
#include "common/file.h"
#include "common/json.h"
#include "tests/support/tee_amd.h"
#include "tests/support/tee_intel.h"

#include <stdio.h>

static const char *folder;

static void write_seed(const char *name, struct bytes contents)
{
	char path[4096];
	struct errmsg em = { "" };
	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (file_write_atomic(path, contents, (struct file_write){ 0644, false }, &em) != OK) {
		fprintf(stderr, "%s\n", em.text);
		exit(1);
	}
}

static void intel_seeds(void)
{
	static const struct {
		const char *name;
		unsigned version;
		bool tdx, td15;
	} kinds[] = { { "quote.seeds/sgx3", 3, false, false },
		      { "quote.seeds/tdx4", 4, true, false },
		      { "quote.seeds/tdx5", 5, true, true },
		      { "quote.seeds/sgx5", 5, false, false } };
	struct intel w;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		intel_open(&w, kinds[i].version, kinds[i].tdx);
		w.td15 = kinds[i].td15;
		w.wrapped = i == 2;
		intel_make(&w);
		write_seed(kinds[i].name, buf_bytes(&w.quote));
		struct quote q;
		if (i == 1 && quote_parse(buf_bytes(&w.quote), &q, NULL) == OK)
			write_seed("certificates.seeds/pck_chain", q.pck_chain);
		if (i == 1 || i == 2)
			write_seed(i == 1 ? "collateral.seeds/bundle" : "collateral.seeds/wrapped",
				   buf_bytes(&w.collateral));
		if (i == 1) {
			char *text = NULL;
			AUTO_STR
			char *quote = base64_encode(BASE64_STD, buf_bytes(&w.quote));
			if (asprintf(&text, "{\"quote\":\"%s\",\"cc_eventlog\":null}", quote) < 0)
				exit(1);
			write_seed("evidence_json.seeds/tdx", bytes_str(text));
			free(text);
		}
		intel_close(&w);
	}
}

static void amd_seeds(void)
{
	struct amd w;
	AUTO_BUF
	both = { 0 };
	AUTO_BUF
	pem = { 0 };
	amd_open(&w, "Turin", 5);
	amd_make(&w);
	write_seed("snp_report.seeds/alone", BYTES(w.report));
	pki_append(&both, BYTES(w.report));
	pki_append(&both, buf_bytes(&w.leaf));
	write_seed("snp_report.seeds/vcek", buf_bytes(&both));
	write_seed("certificates.seeds/vcek", buf_bytes(&w.leaf));
	pki_pem("CERTIFICATE", buf_bytes(&w.leaf), &pem);
	write_seed("certificates.seeds/pem", buf_bytes(&pem));
	static const uint8_t guid[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
					  0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
	static const uint8_t end[24] = { 0 };
	buf_clear(&both);
	pki_append(&both, BYTES(guid));
	pki_number(&both, 48, 4);
	pki_number(&both, w.leaf.len, 4);
	pki_append(&both, BYTES(end));
	pki_append(&both, buf_bytes(&w.leaf));
	write_seed("certificates.seeds/table", buf_bytes(&both));
	amd_close(&w);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	intel_seeds();
	amd_seeds();
	return 0;
}
