#include "tests/support/tee_guest.h"

#include "common/file.h"

#include <time.h>

enum { REPORT_DATA_AT = 0x50, HOST_DATA_AT = 0xc0, HOST_DATA_LEN = 32, MRCONFIGID_LEN = 48, VMPL_AT = 0x30 };

static void carry(uint8_t *field, size_t len, struct bytes carried)
{
	memset(field, 0, len);
	if (carried.len)
		memcpy(field, carried.data, carried.len < len ? carried.len : len);
}

/* As if the host had started the guest with something else. */
static void carry_again(const struct tee_guest *g, uint8_t *field, size_t len)
{
	uint8_t value[64];
	AUTO_BUF
	hex = { 0 };
	if (!g->carried_path || file_read(g->carried_path, 2 * sizeof value, &hex, NULL) != OK || !buf_cstr(&hex))
		return;
	if (hex_decode((const char *)hex.data, value, hex.len / 2, NULL) == OK)
		carry(field, len, (struct bytes){ value, hex.len / 2 });
}

static int tdx_report(void *ctx, const uint8_t inblob[TSM_INBLOB_LEN], unsigned privlevel, struct buf *out,
		      struct buf *aux)
{
	struct tee_guest *g = ctx;
	(void)privlevel;
	(void)aux;
	memcpy(intel_td(&g->intel, TD_REPORT_DATA), inblob, TSM_INBLOB_LEN);
	carry_again(g, intel_td(&g->intel, TD_MR_CONFIG_ID), MRCONFIGID_LEN);
	intel_requote(&g->intel);
	pki_append(out, buf_bytes(&g->intel.quote));
	return 0;
}

/* The table with one certificate, as a host that knows its VCEK hands it on; padded to pages. */
static void table_make(const struct tee_guest *g, struct buf *aux)
{
	static const uint8_t vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
					  0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
	static const uint8_t zeros[4096] = { 0 };
	pki_append(aux, BYTES(vcek));
	pki_number(aux, 48, 4);
	pki_number(aux, g->amd.leaf.len, 4);
	pki_append(aux, (struct bytes){ zeros, 24 });
	pki_append(aux, buf_bytes(&g->amd.leaf));
	pki_append(aux, (struct bytes){ zeros, 4096 - aux->len % 4096 });
}

static int snp_report(void *ctx, const uint8_t inblob[TSM_INBLOB_LEN], unsigned privlevel, struct buf *out,
		      struct buf *aux)
{
	struct tee_guest *g = ctx;
	memcpy(g->amd.report + REPORT_DATA_AT, inblob, TSM_INBLOB_LEN);
	g->amd.report[VMPL_AT] = (uint8_t)privlevel;
	carry_again(g, g->amd.report + HOST_DATA_AT, HOST_DATA_LEN);
	amd_resign(&g->amd);
	pki_append(out, BYTES(g->amd.report));
	table_make(g, aux);
	return 0;
}

void tee_guest_open(struct tee_guest *g, struct tsm_model *m, const char *provider, struct bytes carried)
{
	memset(g, 0, sizeof *g);
	g->tdx = strcmp(provider, "tdx_guest") == 0;
	tsm_model_open(m, provider);
	m->ctx = g;
	m->report = g->tdx ? tdx_report : snp_report;
	if (g->tdx) {
		intel_open(&g->intel, 4, true);
		intel_today(&g->intel, (int64_t)time(NULL));
		carry(intel_td(&g->intel, TD_MR_CONFIG_ID), MRCONFIGID_LEN, carried);
		intel_make(&g->intel);
	} else {
		amd_open(&g->amd, "Genoa", 3);
		carry(g->amd.report + HOST_DATA_AT, HOST_DATA_LEN, carried);
		amd_make(&g->amd);
	}
}

void tee_guest_close(struct tee_guest *g, struct tsm_model *m)
{
	if (g->tdx)
		intel_close(&g->intel);
	else
		amd_close(&g->amd);
	tsm_model_close(m);
}
