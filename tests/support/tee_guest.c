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

/* Tag 399 {44234: h'00', 44241: tag 18 [h'', {}, payload, h'']}, payload {10: 64 bytes, 44235: 64 bytes, 1: "x"} */
size_t tee_guest_cca(const struct tee_guest_realm *realm, uint8_t to[TEE_GUEST_CCA_MAX])
{
	static const uint8_t payload_head[] = { 0xa3, 0x0a, 0x58, 0x40 };
	static const uint8_t payload_next[] = { 0x19, 0xac, 0xcb, 0x58, 0x40 };
	static const uint8_t payload_end[] = { 0x01, 0x61, 'x' };
	static const uint8_t head[] = { 0xd9, 0x01, 0x8f, 0xa2, 0x19, 0xac, 0xca, 0x41, 0x00, 0x19, 0xac, 0xd1, 0x58 };
	static const uint8_t cose[] = { 0xd2, 0x84, 0x40, 0xa0, 0x58 };
	size_t payload = sizeof payload_head + 64 + sizeof payload_next + 64 + sizeof payload_end;
	uint8_t *at = mempcpy(to, head, sizeof head);
	*at++ = (uint8_t)(sizeof cose + 1 + payload + 1);
	at = mempcpy(at, cose, sizeof cose);
	*at++ = (uint8_t)payload;
	at = mempcpy(at, payload_head, sizeof payload_head);
	at = mempcpy(at, realm->challenge, sizeof realm->challenge);
	at = mempcpy(at, payload_next, sizeof payload_next);
	at = mempcpy(at, realm->personalization, sizeof realm->personalization);
	at = mempcpy(at, payload_end, sizeof payload_end);
	*at++ = 0x40;
	return (size_t)(at - to);
}

static int cca_report(void *ctx, const uint8_t inblob[TSM_INBLOB_LEN], unsigned privlevel, struct buf *out,
		      struct buf *aux)
{
	struct tee_guest *g = ctx;
	uint8_t token[TEE_GUEST_CCA_MAX];
	(void)privlevel;
	(void)aux;
	memcpy(g->realm.challenge, inblob, TSM_INBLOB_LEN);
	carry_again(g, g->realm.personalization, sizeof g->realm.personalization);
	pki_append(out, (struct bytes){ token, tee_guest_cca(&g->realm, token) });
	return 0;
}

static enum tee_guest_kind kind_of(const char *provider)
{
	if (strcmp(provider, "tdx_guest") == 0)
		return TEE_GUEST_TDX;
	return strcmp(provider, "sev_guest") == 0 ? TEE_GUEST_SNP : TEE_GUEST_CCA;
}

void tee_guest_open(struct tee_guest *g, struct tsm_model *m, const char *provider, struct bytes carried)
{
	memset(g, 0, sizeof *g);
	g->kind = kind_of(provider);
	tsm_model_open(m, provider);
	m->ctx = g;
	m->report = g->kind == TEE_GUEST_TDX ? tdx_report : g->kind == TEE_GUEST_SNP ? snp_report : cca_report;
	if (g->kind == TEE_GUEST_TDX) {
		intel_open(&g->intel, 4, true);
		intel_today(&g->intel, (int64_t)time(NULL));
		carry(intel_td(&g->intel, TD_MR_CONFIG_ID), MRCONFIGID_LEN, carried);
		intel_make(&g->intel);
	} else if (g->kind == TEE_GUEST_CCA) {
		carry(g->realm.personalization, sizeof g->realm.personalization, carried);
	} else {
		amd_open(&g->amd, "Genoa", 3);
		carry(g->amd.report + HOST_DATA_AT, HOST_DATA_LEN, carried);
		amd_make(&g->amd);
	}
}

void tee_guest_close(struct tee_guest *g, struct tsm_model *m)
{
	if (g->kind == TEE_GUEST_TDX)
		intel_close(&g->intel);
	else if (g->kind == TEE_GUEST_SNP)
		amd_close(&g->amd);
	tsm_model_close(m);
}
