#include "attest/snp_report.h"

#include "attest/snp_member.h"
#include "attest/verifier_row.h"

#include <stdio.h>

/* Evidence JSON -> the report as the processor signed it. What the JSON does not carry is zero in the report. */

enum { CERT_LEN_MAX = 16 << 10 };

static enum err octet(json_object *item, const char *name, uint8_t *to, struct errmsg *em)
{
	int64_t value = json_object_is_type(item, json_type_int) ? json_object_get_int64(item) : -1;
	if (value < 0 || value > 255)
		return err_set(em, ERR_PARSE, "\"%s\": not a byte", name);
	*to = (uint8_t)value;
	return OK;
}

struct room {
	uint8_t *data;
	size_t len;
};

static enum err octets(json_object *of, const char *name, struct room to, struct errmsg *em)
{
	json_object *list = NULL;
	enum err e = json_get_array_opt(of, name, &list, em);
	if (e != OK)
		return e;
	if (!list || json_object_array_length(list) != to.len)
		return err_set(em, ERR_PARSE, "\"%s\" is not a list of %zu bytes", name, to.len);
	for (size_t i = 0; i < to.len && e == OK; i++)
		e = octet(json_object_array_get_idx(list, i), name, to.data + i, em);
	return e;
}

/* Not through a double, and all 64 bits. */
static enum err number(json_object *value, const struct snp_member *m, uint8_t *to, struct errmsg *em)
{
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return err_set(em, ERR_PARSE, "\"%s\" is no number, or negative", m->name);
	uint64_t n = json_object_get_uint64(value);
	if (m->len < 8 && n >> (8 * m->len))
		return err_set(em, ERR_PARSE, "\"%s\" is too large", m->name);
	for (size_t i = 0; i < m->len; i++)
		to[i] = (uint8_t)(n >> (8 * i));
	return OK;
}

static enum err byte_member(json_object *of, const char *name, uint8_t *to, struct errmsg *em)
{
	json_object *value = NULL;
	json_object_object_get_ex(of, name, &value);
	return octet(value, name, to, em);
}

/* {"fmc":null|n, "bootloader", "tee", "snp", "microcode"}: with an FMC it is Turin's layout. */
static enum err tcb(json_object *of, uint8_t *to, struct errmsg *em)
{
	static const char *const names[] = { "fmc", "bootloader", "tee", "snp", "microcode", NULL };
	json_object *fmc = NULL;
	json_object_object_get_ex(of, "fmc", &fmc);
	enum err e = json_only_members(of, names, em);
	if (e == OK && fmc)
		e = octet(fmc, "fmc", to, em);
	if (e == OK)
		e = byte_member(of, "bootloader", to + (fmc ? 1 : 0), em);
	if (e == OK)
		e = byte_member(of, "tee", to + (fmc ? 2 : 1), em);
	if (e == OK)
		e = byte_member(of, "snp", to + (fmc ? 3 : 6), em);
	return e == OK ? byte_member(of, "microcode", to + 7, em) : e;
}

static enum err version(json_object *of, uint8_t *to, struct errmsg *em)
{
	static const char *const names[] = { "major", "minor", "build", NULL };
	enum err e = json_only_members(of, names, em);
	if (e == OK)
		e = byte_member(of, "build", to, em);
	if (e == OK)
		e = byte_member(of, "minor", to + 1, em);
	return e == OK ? byte_member(of, "major", to + 2, em) : e;
}

static enum err member_put(json_object *report, const struct snp_member *m, uint8_t *to, struct errmsg *em)
{
	json_object *value = NULL;
	json_object_object_get_ex(report, m->name, &value);
	/* The version is the first member. */
	if (!value && m->since > to[0])
		return OK;
	if (m->kind == SNP_NUMBER)
		return number(value, m, to + m->at, em);
	if (m->kind == SNP_OCTETS)
		return octets(report, m->name, (struct room){ to + m->at, m->len }, em);
	if (!json_object_is_type(value, json_type_object))
		return err_set(em, ERR_PARSE, "\"%s\" is no object", m->name);
	enum err e = m->kind == SNP_TCB ? tcb(value, to + m->at, em) : version(value, to + m->at, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", m->name);
}

static enum err members_known(json_object *report, struct errmsg *em)
{
	const char *names[SNP_MEMBERS + 2];
	for (size_t i = 0; i < SNP_MEMBERS; i++)
		names[i] = snp_members[i].name;
	names[SNP_MEMBERS] = "signature";
	names[SNP_MEMBERS + 1] = NULL;
	return json_only_members(report, names, em);
}

static enum err report_build(json_object *report, uint8_t to[SNP_REPORT_LEN], struct errmsg *em)
{
	json_object *signature = NULL;
	memset(to, 0, SNP_REPORT_LEN);
	enum err e = members_known(report, em);
	for (size_t i = 0; i < SNP_MEMBERS && e == OK; i++)
		e = member_put(report, &snp_members[i], to, em);
	if (e == OK)
		e = json_get_object(report, "signature", &signature, em);
	if (e == OK)
		e = octets(signature, "r", (struct room){ to + SNP_SIGNED_LEN, 72 }, em);
	if (e == OK)
		e = octets(signature, "s", (struct room){ to + SNP_SIGNED_LEN + 72, 72 }, em);
	return e;
}

static enum err cert_take(json_object *entry, struct buf *out, struct errmsg *em)
{
	static const char *const kinds[] = { "VCEK", "VLEK", "ASK", "ARK", "CRL" };
	const char *kind = NULL;
	json_object *data = NULL;
	bool wanted = false;
	if (!json_object_is_type(entry, json_type_object))
		return err_set(em, ERR_PARSE, "\"cert_chain\": an entry is no object");
	/* Certificates of other kinds come as {"OTHER":"<GUID>"}. */
	if (json_get_string(entry, "cert_type", &kind, NULL) != OK)
		return OK;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		wanted = wanted || strcmp(kinds[i], kind) == 0;
	if (!wanted)
		return OK;
	enum err e = json_get_array_opt(entry, "data", &data, em);
	size_t len = data ? json_object_array_length(data) : 0;
	if (e == OK && (len == 0 || len > CERT_LEN_MAX))
		e = err_set(em, ERR_PARSE, "\"cert_chain\": a certificate of %zu bytes", len);
	if (e == OK)
		e = buf_reserve(out, len, em);
	if (e == OK)
		e = octets(entry, "data", (struct room){ out->data, len }, em);
	if (e == OK)
		out->len = len;
	return e;
}

/* {"attestation_report":{...},"cert_chain":[{"cert_type":"VCEK","data":[...]}]|null} */
enum err verifier_snp_unpack(json_object *json, struct evidence *out, struct errmsg *em)
{
	uint8_t binary[SNP_REPORT_LEN];
	json_object *report = NULL;
	json_object *chain = NULL;
	enum err e = json_get_object(json, "attestation_report", &report, em);
	if (e == OK)
		e = report_build(report, binary, em);
	if (e == OK)
		e = buf_append(&out->binary, BYTES(binary), 0, em);
	if (e == OK)
		e = json_get_array_opt(json, "cert_chain", &chain, em);
	size_t count = chain ? json_object_array_length(chain) : 0;
	if (e == OK && count > EVIDENCE_CERTS_MAX)
		e = err_set(em, ERR_PARSE, "\"cert_chain\" has %zu entries", count);
	for (size_t i = 0; i < count && e == OK; i++) {
		struct buf *to = &out->certs[out->cert_count];
		e = cert_take(json_object_array_get_idx(chain, i), to, em);
		out->cert_count += to->len > 0;
	}
	return e;
}
