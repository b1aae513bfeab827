#include "attest/snp_report.h"

#include "attest/cursor.h"

enum {
	SIGNATURE_ALGORITHM = 1, /* ECDSA P-384 with SHA-384 */
	NUMBER_LEN = 72, /* of r and of s: little-endian, 48 of them used */
	NUMBER_USED = 48,
	SIGNATURE_AT = SNP_SIGNED_LEN,
	SIGNATURE_END = SIGNATURE_AT + 2 * NUMBER_LEN,
	CPUID_AT = 0x188,
};

static const struct {
	uint16_t at;
	uint16_t len;
} fields[SNP_FIELDS] = {
	[SNP_FAMILY_ID] = { 0x10, 16 },     [SNP_IMAGE_ID] = { 0x20, 16 },           [SNP_PLATFORM_INFO] = { 0x40, 8 },
	[SNP_REPORT_DATA] = { 0x50, 64 },   [SNP_MEASUREMENT] = { 0x90, 48 },        [SNP_HOST_DATA] = { 0xc0, 32 },
	[SNP_ID_KEY_DIGEST] = { 0xe0, 48 }, [SNP_AUTHOR_KEY_DIGEST] = { 0x110, 48 }, [SNP_REPORT_ID] = { 0x140, 32 },
	[SNP_REPORTED_TCB] = { 0x180, 8 },  [SNP_CHIP_ID] = { 0x1a0, 64 },
};

struct bytes snp_field(const struct snp_report *r, enum snp_field field)
{
	return bytes_part(r->data, fields[field].at, fields[field].len);
}

/* To the form that everyone else uses. False: larger than the curve. */
static bool number_read(struct bytes from, uint8_t to[NUMBER_USED])
{
	for (size_t i = 0; i < NUMBER_USED; i++)
		to[i] = from.data[NUMBER_USED - 1 - i];
	return bytes_zero(bytes_part(from, NUMBER_USED, NUMBER_LEN - NUMBER_USED));
}

enum err snp_report_parse(struct bytes data, struct snp_report *out, struct errmsg *em)
{
	if (data.len != SNP_REPORT_LEN)
		return err_set(em, ERR_PARSE, "%zu bytes: a report has %d", data.len, SNP_REPORT_LEN);
	*out = (struct snp_report){ .data = data };
	out->version = (unsigned)bytes_le(bytes_part(data, 0, 4));
	out->policy = bytes_le(bytes_part(data, 8, 8));
	out->vmpl = (unsigned)bytes_le(bytes_part(data, 0x30, 4));
	out->key_info = (unsigned)bytes_le(bytes_part(data, 0x48, 4));
	unsigned algorithm = (unsigned)bytes_le(bytes_part(data, 0x34, 4));
	if (out->version < 2 || out->version > 5)
		return err_set(em, ERR_UNSUPPORTED, "report version %u: 2 to 5 are wanted", out->version);
	if (algorithm != SIGNATURE_ALGORITHM)
		return err_set(em, ERR_UNSUPPORTED, "signature algorithm %u: 1 (ECDSA P-384) is wanted", algorithm);
	if (!number_read(bytes_part(data, SIGNATURE_AT, NUMBER_LEN), out->signature) ||
	    !number_read(bytes_part(data, SIGNATURE_AT + NUMBER_LEN, NUMBER_LEN), out->signature + NUMBER_USED))
		return err_set(em, ERR_PARSE, "the signature's numbers are too large");
	/* Not signed, so nothing may stand there. */
	if (!bytes_zero(bytes_part(data, SIGNATURE_END, SNP_REPORT_LEN - SIGNATURE_END)))
		return err_set(em, ERR_PARSE, "bytes behind the signature");
	return OK;
}

const char *snp_report_product(const struct snp_report *r)
{
	unsigned family = r->data.data[CPUID_AT];
	unsigned model = r->data.data[CPUID_AT + 1];
	if (r->version < 3)
		return NULL;
	if (family == 0x19 && model <= 0x0f)
		return "Milan";
	if (family == 0x19 && (model <= 0x1f || (model >= 0xa0 && model <= 0xaf)))
		return "Genoa";
	if (family == 0x1a && model <= 0x11)
		return "Turin";
	return NULL;
}

struct snp_tcb snp_tcb_read(struct bytes tcb, bool turin)
{
	const uint8_t *b = tcb.data;
	if (turin)
		return (struct snp_tcb){ b[0], b[1], b[2], b[3], b[7] };
	return (struct snp_tcb){ -1, b[0], b[1], b[6], b[7] };
}
