#include "attest/quote_appraise.h"

#include "attest/collateral.h"
#include "attest/cursor.h"
#include "attest/tcb.h"

#include <stdio.h>

/* Intel SGX PCS API v4, "TCB Info V3", "Enclave Identity V2": what Intel says of this platform. */

#define SIGNER "Intel SGX TCB Signing"

struct tcb_case {
	const struct quote_case *of;
	const struct collateral *with;
	enum tcb_status status; /* so far */
	bool other_platform; /* the TCB info is not this one's: there is no status */
};

/* One of the two texts: its chain, its signer, its signature. */
struct text_names {
	const char *root;
	const char *chain;
	const char *dates;
	const char *signer;
	const char *signature;
};

static bool text_genuine(const struct tcb_case *t, const struct signed_json *text, const struct text_names *names)
{
	const struct quote_case *c = t->of;
	struct cert_context cx = { c->to, c->in->now, names->chain, names->dates };
	int count = sk_X509_num(text->chain.certs);
	if (!appraisal_expect(c->to, CHECK(names->chain, APPRAISAL_MALFORMED), count == 2,
			      (struct check_texts){ "two certificates", count == 2 ? "two certificates" : "others" }))
		return false;
	struct cert_chain chain = { sk_X509_value(text->chain.certs, 0), NULL, sk_X509_value(text->chain.certs, 1) };
	struct cert_pin pin = { names->root, c->trust->intel_root_sha256, chain.root };
	char name[CERT_NAME_MAX];
	cert_common_name(chain.leaf, name);
	if (!cert_pin_check(c->to, &pin) || !cert_chain_check(&cx, &chain) ||
	    !appraisal_expect(c->to, CHECK(names->signer, APPRAISAL_SIGNATURE), strcmp(name, SIGNER) == 0,
			      (struct check_texts){ SIGNER, name }))
		return false;
	cert_revocation_check(&cx, &(struct cert_revocation){ &t->with->crls, chain.leaf, chain.root, false });
	bool holds =
		cert_signed_by(X509_get0_pubkey(chain.leaf), (struct cert_signature){ text->text, text->signature });
	return appraisal_expect(c->to, CHECK(names->signature, APPRAISAL_SIGNATURE), holds,
				(struct check_texts){ "holds", holds ? "holds" : "does not hold" });
}

static enum err dates_check(const struct tcb_case *t, json_object *object, const char *name, struct errmsg *em)
{
	const char *issued = NULL;
	const char *next = NULL;
	int64_t from = 0;
	int64_t until = 0;
	char now[APPRAISAL_TIME_MAX];
	char expected[APPRAISAL_VALUE_MAX];
	enum err e = json_get_string(object, "issueDate", &issued, em);
	if (e == OK)
		e = json_get_string(object, "nextUpdate", &next, em);
	if (e != OK)
		return e;
	if (!appraisal_time_parse(issued, &from) || !appraisal_time_parse(next, &until))
		return err_set(em, ERR_PARSE, "\"issueDate\" or \"nextUpdate\" is no date");
	appraisal_time_format(t->of->in->now, now);
	snprintf(expected, sizeof expected, "%s to %s", issued, next);
	appraisal_expect(t->of->to, CHECK(name, APPRAISAL_EXPIRED), t->of->in->now >= from && t->of->in->now <= until,
			 (struct check_texts){ expected, now });
	return OK;
}

/* {"id":..., "version":...}: a TCB info of SGX says nothing about a TD. */
static enum err kind_check(const struct tcb_case *t, json_object *object, const char *name, struct check_texts want,
			   struct errmsg *em)
{
	const char *id = NULL;
	int64_t version = 0;
	char actual[APPRAISAL_VALUE_MAX];
	enum err e = json_get_string(object, "id", &id, em);
	if (e == OK)
		e = json_get_int_opt(object, "version", 0, 1000, &version, em);
	if (e != OK)
		return e;
	snprintf(actual, sizeof actual, "%.32s %d", id, (int)version);
	appraisal_expect(t->of->to, CHECK(name, APPRAISAL_MISMATCH), strcmp(actual, want.expected) == 0,
			 (struct check_texts){ want.expected, actual });
	return OK;
}

static enum err hex_member(json_object *object, const char *name, uint8_t *to, size_t len, struct errmsg *em)
{
	const char *hex = NULL;
	enum err e = json_get_string(object, name, &hex, em);
	if (e == OK)
		e = hex_decode(hex, to, len, em);
	return e == OK ? OK : err_wrap(em, e, "\"%s\"", name);
}

/* (have & mask) == (want & mask), as a check. At most 16 bytes. */
struct masked {
	const char *name; /* of the check */
	const char *value; /* member */
	const char *mask; /* member */
	struct bytes have;
};

static enum err masked_check(const struct tcb_case *t, json_object *object, const struct masked *m, struct errmsg *em)
{
	uint8_t want[16];
	uint8_t mask[16];
	uint8_t have[16];
	size_t len = m->have.len;
	enum err e = hex_member(object, m->value, want, len, em);
	if (e == OK)
		e = hex_member(object, m->mask, mask, len, em);
	if (e != OK)
		return e;
	for (size_t i = 0; i < len; i++) {
		have[i] = m->have.data[i] & mask[i];
		want[i] &= mask[i];
	}
	appraisal_expect_bytes(t->of->to, CHECK(m->name, APPRAISAL_MISMATCH),
			       (struct check_bytes){ { want, len }, { have, len } });
	return OK;
}

static void advisories_add(struct appraisal *a, json_object *level)
{
	json_object *list = NULL;
	if (!level || !json_object_object_get_ex(level, "advisoryIDs", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *id = json_object_array_get_idx(list, i);
		size_t used = strlen(a->advisories);
		if (!json_object_is_type(id, json_type_string))
			continue;
		snprintf(a->advisories + used, sizeof a->advisories - used, "%s%.40s", used ? " " : "",
			 json_object_get_string(id));
	}
}

static void part_converge(struct tcb_case *t, const struct tcb_level *level)
{
	t->status = tcb_converge(t->status, level->status);
	advisories_add(t->of->to, level->entry);
}

static enum err module_identity(struct tcb_case *t, json_object *identity, unsigned isvsvn, struct errmsg *em)
{
	struct tcb_level level;
	enum err e = tcb_isvsvn_level(identity, isvsvn, &level, em);
	if (e == OK)
		part_converge(t, &level);
	return e;
}

static json_object *identity_find(json_object *tcb_info, const char *id)
{
	json_object *list = NULL;
	if (!json_object_object_get_ex(tcb_info, "tdxModuleIdentities", &list) ||
	    !json_object_is_type(list, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *entry = json_object_array_get_idx(list, i);
		const char *text = NULL;
		if (json_object_is_type(entry, json_type_object) && json_get_string(entry, "id", &text, NULL) == OK &&
		    strcmp(text, id) == 0)
			return entry;
	}
	return NULL;
}

/* Version 0 of the module is judged by the platform's levels; later ones have identities, TDX_01 and so on. */
static enum err module_check(struct tcb_case *t, json_object *tcb_info, struct errmsg *em)
{
	struct bytes body = t->of->quote.body;
	struct bytes svn = td_field(body, TD_TEE_TCB_SVN);
	uint8_t signer[48];
	char id[16] = "tdxModule";
	json_object *module = NULL;
	if (svn.data[1] > 0) {
		snprintf(id, sizeof id, "TDX_%02X", svn.data[1]);
		module = identity_find(tcb_info, id);
	} else if (json_object_object_get_ex(tcb_info, "tdxModule", &module) &&
		   !json_object_is_type(module, json_type_object)) {
		module = NULL;
	}
	if (!appraisal_expect(t->of->to, CHECK("TDX module identity", APPRAISAL_TCB), module != NULL,
			      (struct check_texts){ id, module ? id : "not in the TCB info" }))
		return OK;
	enum err e = hex_member(module, "mrsigner", signer, sizeof signer, em);
	if (e != OK)
		return e;
	appraisal_expect_bytes(t->of->to, CHECK("TDX module signer", APPRAISAL_MISMATCH),
			       (struct check_bytes){ BYTES(signer), td_field(body, TD_MR_SIGNER_SEAM) });
	struct masked attributes = { "TDX module attributes", "attributes", "attributesMask",
				     td_field(body, TD_SEAM_ATTRIBUTES) };
	e = masked_check(t, module, &attributes, em);
	return e == OK && svn.data[1] > 0 ? module_identity(t, module, svn.data[0], em) : e;
}

static enum err platform_check(struct tcb_case *t, json_object *tcb_info, struct errmsg *em)
{
	const struct quote_case *c = t->of;
	uint8_t fmspc[6];
	uint8_t pceid[2];
	struct tcb_level level;
	struct tcb_platform platform = { &c->pck, { NULL, 0 } };
	if (c->quote.tdx)
		platform.tee_tcb_svn = td_field(c->quote.body, TD_TEE_TCB_SVN);
	enum err e = hex_member(tcb_info, "fmspc", fmspc, sizeof fmspc, em);
	if (e == OK)
		e = hex_member(tcb_info, "pceId", pceid, sizeof pceid, em);
	if (e != OK)
		return e;
	/* Of another platform: its levels mean nothing here. */
	bool same = appraisal_expect_bytes(c->to, CHECK("FMSPC", APPRAISAL_MISMATCH),
					   (struct check_bytes){ BYTES(fmspc), BYTES(c->pck.fmspc) });
	same &= appraisal_expect_bytes(c->to, CHECK("PCEID", APPRAISAL_MISMATCH),
				       (struct check_bytes){ BYTES(pceid), BYTES(c->pck.pceid) });
	t->other_platform = !same;
	e = tcb_platform_level(tcb_info, &platform, &level, em);
	if (e != OK || !same)
		return e;
	part_converge(t, &level);
	return OK;
}

static enum err tcb_info_check(struct tcb_case *t, struct errmsg *em)
{
	static const struct text_names names = { "TCB info root", "TCB info chain", "TCB info certificate dates",
						 "TCB info signer", "TCB info signature" };
	json_object *tcb_info = t->with->tcb_info.object;
	bool tdx = t->of->quote.tdx;
	if (!text_genuine(t, &t->with->tcb_info, &names))
		return OK;
	enum err e = kind_check(t, tcb_info, "TCB info kind", (struct check_texts){ tdx ? "TDX 3" : "SGX 3", "" }, em);
	if (e == OK)
		e = dates_check(t, tcb_info, "TCB info dates", em);
	if (e == OK)
		e = platform_check(t, tcb_info, em);
	return e == OK && tdx ? module_check(t, tcb_info, em) : e;
}

static enum err qe_identity_check(struct tcb_case *t, struct errmsg *em)
{
	static const struct text_names names = { "QE identity root", "QE identity chain",
						 "QE identity certificate dates", "QE identity signer",
						 "QE identity signature" };
	json_object *identity = t->with->qe_identity.object;
	struct bytes report = t->of->quote.qe_report;
	uint8_t signer[32];
	char texts[2][16];
	int64_t product = -1;
	struct tcb_level level;
	if (!text_genuine(t, &t->with->qe_identity, &names))
		return OK;
	enum err e = kind_check(t, identity, "QE identity kind",
				(struct check_texts){ t->of->quote.tdx ? "TD_QE 2" : "QE 2", "" }, em);
	if (e == OK)
		e = dates_check(t, identity, "QE identity dates", em);
	if (e == OK)
		e = hex_member(identity, "mrsigner", signer, sizeof signer, em);
	if (e == OK)
		e = json_get_int_opt(identity, "isvprodid", 0, 65535, &product, em);
	if (e != OK)
		return e;
	appraisal_expect_bytes(t->of->to, CHECK("QE signer", APPRAISAL_MISMATCH),
			       (struct check_bytes){ BYTES(signer), sgx_field(report, SGX_MR_SIGNER) });
	unsigned actual = (unsigned)bytes_le(sgx_field(report, SGX_ISV_PROD_ID));
	snprintf(texts[0], sizeof texts[0], "%d", (int)product);
	snprintf(texts[1], sizeof texts[1], "%u", actual);
	appraisal_expect(t->of->to, CHECK("QE product", APPRAISAL_MISMATCH), product == actual,
			 (struct check_texts){ texts[0], texts[1] });
	struct masked misc = { "QE misc select", "miscselect", "miscselectMask", sgx_field(report, SGX_MISC_SELECT) };
	struct masked attributes = { "QE attributes", "attributes", "attributesMask",
				     sgx_field(report, SGX_ATTRIBUTES) };
	e = masked_check(t, identity, &misc, em);
	if (e == OK)
		e = masked_check(t, identity, &attributes, em);
	if (e == OK)
		e = tcb_isvsvn_level(identity, (unsigned)bytes_le(sgx_field(report, SGX_ISV_SVN)), &level, em);
	if (e == OK)
		part_converge(t, &level);
	return e;
}

static void status_check(const struct tcb_case *t)
{
	struct appraisal *to = t->of->to;
	const char *name = tcb_status_name(t->status);
	bool good =
		t->status == TCB_UP_TO_DATE || (t->status < TCB_REVOKED && t->of->in->tcb_accepted & 1U << t->status);
	snprintf(to->tcb_status, sizeof to->tcb_status, "%s", name);
	appraisal_expect(
		to, CHECK("TCB status", APPRAISAL_TCB), good,
		(struct check_texts){ t->of->in->tcb_accepted ? "UpToDate, or as accepted" : "UpToDate", name });
}

static enum err collateral_check(struct tcb_case *t, struct errmsg *em)
{
	const struct quote_case *c = t->of;
	struct cert_context cx = { c->to, c->in->now, "", "" };
	cert_revocation_check(&cx, &(struct cert_revocation){ &t->with->crls, c->chain.leaf, c->chain.middle, false });
	cert_revocation_check(&cx, &(struct cert_revocation){ &t->with->crls, c->chain.middle, c->chain.root, false });
	enum err e = tcb_info_check(t, em);
	if (e == OK)
		e = qe_identity_check(t, em);
	/* Where a signature does not hold there is no status. */
	if (e == OK && c->to->status < APPRAISAL_SIGNATURE && !t->other_platform)
		status_check(t);
	return e == OK ? OK : err_wrap(em, e, "collateral");
}

enum err quote_tcb_appraise(const struct quote_case *c, struct errmsg *em)
{
	if (!c->in->collateral.data) {
		const uint8_t *signer = c->quote.tdx ? c->trust->qe_signer_tdx : c->trust->qe_signer_sgx;
		appraisal_expect_bytes(
			c->to, CHECK("QE signer", APPRAISAL_MISMATCH),
			(struct check_bytes){ { signer, 32 }, sgx_field(c->quote.qe_report, SGX_MR_SIGNER) });
		appraisal_not_made(c->to, "TCB status", "no collateral given: TCB, QE identity, revocation");
		return OK;
	}
	AUTO_COLLATERAL
	with = { 0 };
	enum err e = collateral_read(c->in->collateral, &with, em);
	struct tcb_case t = { c, &with, TCB_UP_TO_DATE, false };
	return e == OK ? collateral_check(&t, em) : e;
}
