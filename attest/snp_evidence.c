#include "attest/snp_evidence.h"

#include "attest/attester_row.h"
#include "attest/cert_table_walk.h"
#include "attest/snp_member.h"

/* The processor's report -> evidence JSON, as deployed services read it. */

static json_object *number(uint64_t value)
{
	return value > INT64_MAX ? json_object_new_uint64(value) : json_object_new_int64((int64_t)value);
}

static bool put_number(json_object *to, const char *name, uint64_t value)
{
	return json_add(to, name, number(value));
}

/* Only Turin has an FMC; for the others it is null. */
static json_object *tcb_make(struct bytes raw, bool turin)
{
	struct snp_tcb t = snp_tcb_read(raw, turin);
	AUTO_OF(json_object) *tcb = json_object_new_object();
	bool good = tcb &&
		    (turin ? put_number(tcb, "fmc", (uint64_t)t.fmc) : json_object_object_add(tcb, "fmc", NULL) == 0);
	good = good && put_number(tcb, "bootloader", (uint64_t)t.bootloader) &&
	       put_number(tcb, "tee", (uint64_t)t.tee) && put_number(tcb, "snp", (uint64_t)t.snp) &&
	       put_number(tcb, "microcode", (uint64_t)t.microcode);
	return good ? steal(&tcb) : NULL;
}

static json_object *version_make(struct bytes raw)
{
	AUTO_OF(json_object) *version = json_object_new_object();
	bool good = put_number(version, "major", raw.data[2]) && put_number(version, "minor", raw.data[1]) &&
		    put_number(version, "build", raw.data[0]);
	return good ? steal(&version) : NULL;
}

static json_object *member_make(const struct snp_member *m, struct bytes raw, bool turin)
{
	switch (m->kind) {
	case SNP_NUMBER:
		return number(bytes_le(raw));
	case SNP_OCTETS:
		return evidence_octets(raw);
	case SNP_TCB:
		return tcb_make(raw, turin);
	case SNP_VERSION:
	default:
		return version_make(raw);
	}
}

static json_object *signature_make(struct bytes report)
{
	AUTO_OF(json_object) *signature = json_object_new_object();
	bool good = json_add(signature, "r", evidence_octets(bytes_part(report, SNP_SIGNED_LEN, SNP_NUMBER_LEN))) &&
		    json_add(signature, "s",
			     evidence_octets(bytes_part(report, SNP_SIGNED_LEN + SNP_NUMBER_LEN, SNP_NUMBER_LEN)));
	return good ? steal(&signature) : NULL;
}

static json_object *report_make(const struct snp_report *report)
{
	const char *product = snp_report_product(report);
	bool turin = product && strcmp(product, "Turin") == 0;
	AUTO_OF(json_object) *made = json_object_new_object();
	bool good = made != NULL;
	for (size_t i = 0; i < SNP_MEMBERS && good; i++) {
		const struct snp_member *m = &snp_members[i];
		if (m->since <= report->version)
			good = json_add(made, m->name, member_make(m, bytes_part(report->data, m->at, m->len), turin));
	}
	good = good && json_add(made, "signature", signature_make(report->data));
	return good ? steal(&made) : NULL;
}

/* Entries that the protocol has no name for stay behind: nobody verifies with them. */
static enum err chain_make(struct bytes table, json_object *to, struct errmsg *em)
{
	struct cert_table_walk walk = cert_table_begin(table);
	struct cert_table_entry entry;
	enum err e = OK;
	while (table.len && cert_table_next(&walk, &entry, &e, em)) {
		if (!entry.kind || entry.contents.len == 0)
			continue;
		json_object *one = json_object_new_object();
		bool good = json_add(one, "cert_type", json_object_new_string(entry.kind)) &&
			    json_add(one, "data", evidence_octets(entry.contents));
		if (!good || json_object_array_add(to, one) != 0) {
			json_object_put(one);
			return err_nomem(em, "certificates");
		}
	}
	return e;
}

/* A table of zeros is what a host without certificates gives. */
enum err snp_evidence_make(const struct snp_report *report, struct bytes table, json_object **out, struct errmsg *em)
{
	AUTO_OF(json_object) *evidence = json_object_new_object();
	AUTO_OF(json_object) *chain = json_object_new_array();
	if (!chain || !json_add(evidence, "attestation_report", report_make(report)))
		return err_nomem(em, "evidence");
	enum err e = chain_make(table, chain, em);
	if (e != OK)
		return e;
	bool none = json_object_array_length(chain) == 0;
	if (json_object_object_add(evidence, "cert_chain", none ? NULL : json_object_get(chain)) != 0)
		return err_nomem(em, "evidence");
	*out = steal(&evidence);
	return OK;
}
