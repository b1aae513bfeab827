#include "attest/quote.h"

#include "attest/cursor.h"

enum {
	HEADER_LEN = 48,
	KEY_ECDSA_P256 = 2,
	TEE_SGX = 0,
	TEE_TDX = 0x81,
	CERT_PCK_CHAIN = 5,
	CERT_QE_REPORT = 6,
};

static const uint8_t intel_qe[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
				      0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

struct field {
	uint16_t at;
	uint16_t len;
	const char *name;
};

static const struct field td_fields[TD_FIELDS_15] = {
	[TD_TEE_TCB_SVN] = { 0, 16, "tcb_svn" },
	[TD_MR_SEAM] = { 16, 48, "mr_seam" },
	[TD_MR_SIGNER_SEAM] = { 64, 48, "mrsigner_seam" },
	[TD_SEAM_ATTRIBUTES] = { 112, 8, "seam_attributes" },
	[TD_ATTRIBUTES] = { 120, 8, "td_attributes" },
	[TD_XFAM] = { 128, 8, "xfam" },
	[TD_MR_TD] = { 136, 48, "mr_td" },
	[TD_MR_CONFIG_ID] = { 184, 48, "mr_config_id" },
	[TD_MR_OWNER] = { 232, 48, "mr_owner" },
	[TD_MR_OWNER_CONFIG] = { 280, 48, "mr_owner_config" },
	[TD_RTMR0] = { 328, 48, "rtmr_0" },
	[TD_RTMR1] = { 376, 48, "rtmr_1" },
	[TD_RTMR2] = { 424, 48, "rtmr_2" },
	[TD_RTMR3] = { 472, 48, "rtmr_3" },
	[TD_REPORT_DATA] = { 520, 64, "report_data" },
	[TD_TEE_TCB_SVN2] = { 584, 16, "tee_tcb_svn2" },
	[TD_MR_SERVICE_TD] = { 600, 48, "mr_servicetd" },
};

static const struct field sgx_fields[SGX_FIELDS] = {
	[SGX_CPU_SVN] = { 0, 16, "cpu_svn" },
	[SGX_MISC_SELECT] = { 16, 4, "misc_select" },
	[SGX_ISV_EXT_PROD_ID] = { 32, 16, "isv_ext_prod_id" },
	[SGX_ATTRIBUTES] = { 48, 16, "attributes" },
	[SGX_MR_ENCLAVE] = { 64, 32, "mr_enclave" },
	[SGX_MR_SIGNER] = { 128, 32, "mr_signer" },
	[SGX_CONFIG_ID] = { 192, 64, "config_id" },
	[SGX_ISV_PROD_ID] = { 256, 2, "isv_prod_id" },
	[SGX_ISV_SVN] = { 258, 2, "isv_svn" },
	[SGX_CONFIG_SVN] = { 260, 2, "config_svn" },
	[SGX_ISV_FAMILY_ID] = { 304, 16, "isv_family_id" },
	[SGX_REPORT_DATA] = { 320, 64, "report_data" },
};

struct bytes td_field(struct bytes body, enum td_field field)
{
	return bytes_part(body, td_fields[field].at, td_fields[field].len);
}

const char *td_field_name(enum td_field field)
{
	return td_fields[field].name;
}

struct bytes sgx_field(struct bytes report, enum sgx_field field)
{
	return bytes_part(report, sgx_fields[field].at, sgx_fields[field].len);
}

const char *sgx_field_name(enum sgx_field field)
{
	return sgx_fields[field].name;
}

static enum err header_read(struct cursor *c, struct quote *q, struct errmsg *em)
{
	q->header = cursor_take(c, HEADER_LEN);
	if (c->bad)
		return err_set(em, ERR_PARSE, "shorter than a quote's header");
	struct cursor h = cursor_over(q->header);
	q->version = cursor_u16(&h);
	unsigned key_type = cursor_u16(&h);
	uint32_t tee = cursor_u32(&h);
	if (q->version < 3 || q->version > 5)
		return err_set(em, ERR_UNSUPPORTED, "quote version %u: 3, 4 or 5 is wanted", q->version);
	if (key_type != KEY_ECDSA_P256)
		return err_set(em, ERR_UNSUPPORTED, "attestation key type %u: 2 (ECDSA P-256) is wanted", key_type);
	/* Version 3 knows SGX only; what is a TEE type later on was reserved there. */
	if (tee != TEE_SGX && (tee != TEE_TDX || q->version == 3))
		return err_set(em, ERR_UNSUPPORTED, "TEE type %#x in a quote of version %u", tee, q->version);
	q->tdx = tee == TEE_TDX;
	(void)cursor_u32(&h);
	if (!bytes_equal(cursor_take(&h, 16), BYTES(intel_qe)))
		return err_set(em, ERR_UNSUPPORTED, "a quote of another vendor's quoting enclave than Intel's");
	return OK;
}

/* Version 5 says what its body is. */
static enum err body_length(struct cursor *c, const struct quote *q, size_t *len, struct errmsg *em)
{
	static const size_t lengths[] = { [1] = SGX_REPORT_LEN, [2] = TD10_REPORT_LEN, [3] = TD15_REPORT_LEN };
	*len = q->tdx ? TD10_REPORT_LEN : SGX_REPORT_LEN;
	if (q->version < 5)
		return OK;
	unsigned type = cursor_u16(c);
	uint32_t size = cursor_u32(c);
	if (c->bad)
		return err_set(em, ERR_PARSE, "ends before its body");
	if (type < 1 || type > 3 || (type == 1) == q->tdx)
		return err_set(em, ERR_UNSUPPORTED, "body type %u in a quote for %s", type, q->tdx ? "TDX" : "SGX");
	if (size != lengths[type])
		return err_set(em, ERR_PARSE, "body of type %u with %u bytes: %zu are wanted", type, size,
			       lengths[type]);
	*len = size;
	return OK;
}

static enum err certification_read(struct cursor *c, struct quote *q, struct errmsg *em)
{
	q->qe_report = cursor_take(c, SGX_REPORT_LEN);
	q->qe_signature = cursor_take(c, 64);
	q->auth_data = cursor_take(c, cursor_u16(c));
	unsigned type = cursor_u16(c);
	uint32_t size = cursor_u32(c);
	q->pck_chain = cursor_take(c, size);
	if (c->bad)
		return err_set(em, ERR_PARSE, "ends inside its certification data");
	if (type != CERT_PCK_CHAIN)
		return err_set(em, ERR_UNSUPPORTED,
			       "certification data of type %u: 5 (the PCK certificate chain) is wanted", type);
	if (c->rest.len > 0)
		return err_set(em, ERR_PARSE, "%zu bytes behind its certification data", c->rest.len);
	/* Some quoting enclaves count the C string's NUL. */
	if (size > 0 && q->pck_chain.data[size - 1] == '\0')
		q->pck_chain.len--;
	return OK;
}

static enum err signature_read(struct cursor *c, struct quote *q, struct errmsg *em)
{
	q->signature = cursor_take(c, 64);
	q->attestation_key = cursor_take(c, 64);
	if (q->version > 3) {
		unsigned type = cursor_u16(c);
		uint32_t size = cursor_u32(c);
		if (c->bad || size != c->rest.len)
			return err_set(em, ERR_PARSE, "the lengths in its signature data contradict each other");
		if (type != CERT_QE_REPORT)
			return err_set(em, ERR_UNSUPPORTED,
				       "certification data of type %u: 6 (the QE report) is wanted", type);
	}
	return certification_read(c, q, em);
}

enum err quote_parse(struct bytes data, struct quote *out, struct errmsg *em)
{
	struct cursor c = cursor_over(data);
	size_t body = 0;
	*out = (struct quote){ 0 };
	enum err e = header_read(&c, out, em);
	if (e == OK)
		e = body_length(&c, out, &body, em);
	if (e != OK)
		return e;
	out->body = cursor_take(&c, body);
	if (c.bad)
		return err_set(em, ERR_PARSE, "ends inside its body");
	out->is_signed = (struct bytes){ data.data, data.len - c.rest.len };
	/* Bytes behind the signature data are padding of the buffer that the quote came in. */
	struct bytes signature = cursor_take(&c, cursor_u32(&c));
	if (c.bad)
		return err_set(em, ERR_PARSE, "ends inside its signature data");
	struct cursor inner = cursor_over(signature);
	return signature_read(&inner, out, em);
}
