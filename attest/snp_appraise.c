#include "attest/appraise.h"

#include "attest/cert_table.h"
#include "attest/cursor.h"
#include "attest/reference.h"
#include "attest/snp_report.h"
#include "attest/verifier_row.h"
#include "common/der.h"
#include "common/pem.h"

#include <stdio.h>

/* "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification", table 11. */
#define AMD_OID "1.3.6.1.4.1.3704.1."

struct snp_case {
	const struct verifier_input *in;
	struct snp_report report;
	enum snp_signer signer;
	struct cert_set given;
	struct cert_set vendor; /* ASK, ARK, ASVK of the product */
	const struct trust_amd *product;
	struct cert_chain chain;
	struct appraisal *to;
};

static bool named(X509 *cert, const char *name)
{
	char text[CERT_NAME_MAX];
	cert_common_name(cert, text);
	return strcmp(text, name) == 0;
}

static X509 *find_named(const struct cert_set *set, const char *name)
{
	for (int i = 0; i < sk_X509_num(set->certs); i++)
		if (named(sk_X509_value(set->certs, i), name))
			return sk_X509_value(set->certs, i);
	return NULL;
}

static enum err given_read(struct snp_case *c, struct errmsg *em)
{
	enum err e = OK;
	for (size_t i = 0; i < c->in->cert_count && e == OK; i++) {
		struct bytes from = c->in->certs[i];
		bool table = from.len > 0 && from.data[0] != DER_SEQUENCE && !pem_present(from);
		e = table ? cert_table_add(&c->given, from, em) : cert_set_add(&c->given, from, em);
		if (e != OK)
			e = err_wrap(em, e, "certificates given");
	}
	return e;
}

static bool signer_check(struct snp_case *c)
{
	static const char *const names[8] = { "VCEK", "VLEK", "2", "3", "4", "5", "6", "none" };
	unsigned signer = c->report.key_info >> 2 & 7;
	bool masked = c->report.key_info & 2;
	if (!appraisal_expect(c->to, CHECK("signing key", APPRAISAL_REFUSED), signer <= SNP_VLEK && !masked,
			      (struct check_texts){ "VCEK or VLEK", masked ? "masked" : names[signer] }))
		return false;
	c->signer = (enum snp_signer)signer;
	c->chain.leaf = find_named(&c->given, signer == SNP_VLEK ? "SEV-VLEK" : "SEV-VCEK");
	return appraisal_expect(c->to, CHECK("signer's certificate", APPRAISAL_SIGNATURE), c->chain.leaf != NULL,
				(struct check_texts){ names[signer], c->chain.leaf ? names[signer] : "not given" });
}

/* The product's name is the end of its CAs': SEV-Milan, SEV-VLEK-Milan. */
static const struct trust_amd *product_of(const struct trust *trust, const struct snp_case *c, char issuer[])
{
	const char *prefix = c->signer == SNP_VLEK ? "SEV-VLEK-" : "SEV-";
	X509_NAME *name = X509_get_issuer_name(c->chain.leaf);
	if (!name || X509_NAME_get_text_by_NID(name, NID_commonName, issuer, CERT_NAME_MAX) < 0)
		return NULL;
	if (strncmp(issuer, prefix, strlen(prefix)) != 0)
		return NULL;
	for (size_t i = 0; i < trust->amd_count; i++)
		if (strcmp(issuer + strlen(prefix), trust->amd[i].product) == 0)
			return &trust->amd[i];
	return NULL;
}

/* The CA that signed the leaf: the vendor's that is built in, else one that was given, which counts only if the pinned
 * root signed it. */
static X509 *issuer_find(const struct snp_case *c, const char *name)
{
	const struct cert_set *sets[] = { &c->vendor, &c->given };
	for (size_t s = 0; s < ARRAY_LEN(sets); s++) {
		for (int i = 0; i < sk_X509_num(sets[s]->certs); i++) {
			X509 *cert = sk_X509_value(sets[s]->certs, i);
			if (named(cert, name) && X509_verify(c->chain.leaf, X509_get0_pubkey(cert)) == 1)
				return cert;
		}
	}
	return find_named(&c->vendor, name);
}

/* Ours, so nothing else is among them. */
static enum err vendor_certificates(struct snp_case *c, struct errmsg *em)
{
	struct bytes rest = c->product->certificates;
	const uint8_t *start = rest.data;
	struct der_item item;
	enum err e = OK;
	while (e == OK && der_read(&rest, &item)) {
		e = cert_set_add(&c->vendor, (struct bytes){ start, (size_t)(rest.data - start) }, em);
		start = rest.data;
	}
	return e;
}

static enum err chain_find(const struct trust *trust, struct snp_case *c, bool *found, struct errmsg *em)
{
	char issuer[CERT_NAME_MAX] = "?";
	char root[CERT_NAME_MAX];
	*found = false;
	c->product = product_of(trust, c, issuer);
	appraisal_expect(c->to, CHECK("signer's issuer", APPRAISAL_SIGNATURE), c->product != NULL,
			 (struct check_texts){ "AMD's for a known product", issuer });
	if (!c->product)
		return OK;
	enum err e = vendor_certificates(c, em);
	if (e != OK)
		return err_wrap(em, ERR_INTERNAL, "built-in certificates");
	snprintf(root, sizeof root, "ARK-%s", c->product->product);
	c->chain.root = find_named(&c->vendor, root);
	c->chain.middle = issuer_find(c, issuer);
	if (!c->chain.root || !c->chain.middle)
		return err_set(em, ERR_INTERNAL, "built-in certificates of %s are missing", c->product->product);
	*found = true;
	return OK;
}

static bool signatures_check(const struct snp_case *c)
{
	struct cert_context cx = { c->to, c->in->now, "certificate chain", "certificate dates" };
	struct cert_pin pin = { "chain root", c->product->ark_sha256, c->chain.root };
	if (!cert_pin_check(c->to, &pin) || !cert_chain_check(&cx, &c->chain))
		return false;
	struct cert_signature signature = { bytes_part(c->report.data, 0, SNP_SIGNED_LEN), BYTES(c->report.signature) };
	bool holds = cert_signed_by(X509_get0_pubkey(c->chain.leaf), signature);
	cert_revocation_check(&cx, &(struct cert_revocation){ &c->given, c->chain.leaf, c->chain.middle, true });
	cert_revocation_check(&cx, &(struct cert_revocation){ &c->given, c->chain.middle, c->chain.root, true });
	return appraisal_expect(c->to, CHECK("report signature", APPRAISAL_SIGNATURE), holds,
				(struct check_texts){ "holds", holds ? "holds" : "does not hold" });
}

/* An SVN of the certificate: INTEGER, at most 255. */
static int cert_svn(X509 *cert, const char *oid)
{
	struct bytes value = cert_extension(cert, oid);
	struct bytes number;
	if (!der_unsigned(&value, &number) || value.len > 0 || number.len > 1)
		return -1;
	return number.len ? number.data[0] : 0;
}

static void tcb_text(const struct snp_tcb *tcb, char to[APPRAISAL_VALUE_MAX])
{
	int used = tcb->fmc < 0 ? 0 : snprintf(to, APPRAISAL_VALUE_MAX, "FMC %d, ", tcb->fmc);
	snprintf(to + used, APPRAISAL_VALUE_MAX - (size_t)used, "boot loader %d, TEE %d, SNP %d, microcode %d",
		 tcb->bootloader, tcb->tee, tcb->snp, tcb->microcode);
}

static bool is_turin(const struct snp_case *c)
{
	return strcmp(c->product->product, "Turin") == 0;
}

static struct snp_tcb reported_tcb(const struct snp_case *c)
{
	return snp_tcb_read(snp_field(&c->report, SNP_REPORTED_TCB), is_turin(c));
}

static void tcb_check(const struct snp_case *c)
{
	X509 *leaf = c->chain.leaf;
	struct snp_tcb reported = reported_tcb(c);
	struct snp_tcb certified = {
		is_turin(c) ? cert_svn(leaf, AMD_OID "3.9") : -1,
		cert_svn(leaf, AMD_OID "3.1"),
		cert_svn(leaf, AMD_OID "3.2"),
		cert_svn(leaf, AMD_OID "3.3"),
		cert_svn(leaf, AMD_OID "3.8"),
	};
	char expected[APPRAISAL_VALUE_MAX];
	char actual[APPRAISAL_VALUE_MAX];
	tcb_text(&certified, expected);
	tcb_text(&reported, actual);
	appraisal_expect(c->to, CHECK("reported TCB", APPRAISAL_REFUSED),
			 strcmp(expected, actual) == 0 && certified.bootloader >= 0,
			 (struct check_texts){ expected, actual });
	snprintf(c->to->tcb_status, sizeof c->to->tcb_status, "not checked");
}

/* "Milan-B0", "Genoa": IA5String, the product's name first. */
static void product_check(const struct snp_case *c)
{
	struct bytes value = cert_extension(c->chain.leaf, AMD_OID "2");
	struct der_item item = { 0, { NULL, 0 } };
	char text[32] = "?";
	size_t len = strlen(c->product->product);
	if (der_read(&value, &item) && value.len == 0 && item.body.len < sizeof text)
		snprintf(text, sizeof text, "%.*s", (int)item.body.len, (const char *)item.body.data);
	appraisal_expect(c->to, CHECK("certificate's product", APPRAISAL_REFUSED),
			 strncmp(text, c->product->product, len) == 0 && (text[len] == '\0' || text[len] == '-'),
			 (struct check_texts){ c->product->product, text });
	if (c->report.version < 3) {
		appraisal_not_made(c->to, "processor's product", "reports of version 2 do not say it");
		return;
	}
	const char *product = snp_report_product(&c->report);
	appraisal_expect(c->to, CHECK("processor's product", APPRAISAL_REFUSED),
			 product && strcmp(product, c->product->product) == 0,
			 (struct check_texts){ c->product->product, product ? product : "unknown" });
}

/* Raw, or inside an OCTET STRING; Turin's chips have 8 bytes of it, the rest of the report's field is zero. */
static void chip_check(const struct snp_case *c)
{
	if (c->signer == SNP_VLEK) {
		bool named_csp = cert_extension(c->chain.leaf, AMD_OID "5").len > 0;
		appraisal_not_made(c->to, "chip id", "a VLEK belongs to a cloud provider, not to a chip");
		appraisal_expect(c->to, CHECK("VLEK's provider", APPRAISAL_REFUSED), named_csp,
				 (struct check_texts){ "named", named_csp ? "named" : "not named" });
		return;
	}
	struct bytes hwid = cert_extension(c->chain.leaf, AMD_OID "4");
	struct bytes chip = snp_field(&c->report, SNP_CHIP_ID);
	struct bytes outer = hwid;
	struct bytes inner;
	size_t len = is_turin(c) ? 8 : chip.len;
	if (hwid.len != len && der_expect(&outer, DER_OCTET_STRING, &inner) && outer.len == 0)
		hwid = inner;
	struct bytes rest = bytes_part(chip, len, chip.len - len);
	appraisal_expect_bytes(c->to, CHECK("chip id", APPRAISAL_REFUSED),
			       (struct check_bytes){ hwid, bytes_zero(rest) ? bytes_part(chip, 0, len) : chip });
}

static void vmpl_check(const struct snp_case *c)
{
	char texts[2][32];
	snprintf(texts[0], sizeof texts[0], "at most %u", c->in->vmpl_given ? c->in->vmpl_max : 3);
	snprintf(texts[1], sizeof texts[1], "%u", c->report.vmpl);
	appraisal_expect(c->to, CHECK("VMPL", APPRAISAL_REFUSED),
			 c->report.vmpl <= (c->in->vmpl_given ? c->in->vmpl_max : 3),
			 (struct check_texts){ texts[0], texts[1] });
}

enum { POLICY_SMT = 16, POLICY_ONE = 17, POLICY_MIGRATE = 18, POLICY_DEBUG = 19, POLICY_SINGLE_SOCKET = 20 };

static bool policy_bit(const struct snp_case *c, unsigned bit)
{
	return c->report.policy >> bit & 1;
}

static void policy_check(const struct snp_case *c)
{
	bool one = policy_bit(c, POLICY_ONE);
	bool migrate = policy_bit(c, POLICY_MIGRATE);
	bool debug = policy_bit(c, POLICY_DEBUG);
	appraisal_expect(c->to, CHECK("policy bit 17", APPRAISAL_REFUSED), one,
			 (struct check_texts){ "1", one ? "1" : "0" });
	appraisal_expect(c->to, CHECK("policy: migration agent", APPRAISAL_REFUSED), !migrate,
			 (struct check_texts){ "not allowed", migrate ? "allowed" : "not allowed" });
	appraisal_expect(c->to, CHECK("policy: debug", APPRAISAL_REFUSED), !debug,
			 (struct check_texts){ "not allowed", debug ? "allowed" : "not allowed" });
}

struct svn_texts {
	char bootloader[8], microcode[8], snp[8], tee[8];
};

static struct svn_texts svn_texts(const struct snp_case *c)
{
	struct snp_tcb tcb = reported_tcb(c);
	struct svn_texts t;
	snprintf(t.bootloader, sizeof t.bootloader, "%d", tcb.bootloader);
	snprintf(t.microcode, sizeof t.microcode, "%d", tcb.microcode);
	snprintf(t.snp, sizeof t.snp, "%d", tcb.snp);
	snprintf(t.tee, sizeof t.tee, "%d", tcb.tee);
	return t;
}

static enum err references_check(const struct snp_case *c, struct errmsg *em)
{
	struct svn_texts svn = svn_texts(c);
	struct reference_value values[] = {
		{ "snp_launch_measurement", snp_field(&c->report, SNP_MEASUREMENT), NULL },
		{ "snp_bootloader", { NULL, 0 }, svn.bootloader },
		{ "snp_microcode", { NULL, 0 }, svn.microcode },
		{ "snp_snp_svn", { NULL, 0 }, svn.snp },
		{ "snp_tee_svn", { NULL, 0 }, svn.tee },
	};
	return reference_appraise(c->to, c->in->reference, values, ARRAY_LEN(values), em);
}

static enum err claims_add(const struct snp_case *c, struct errmsg *em)
{
	const struct snp_report *r = &c->report;
	struct svn_texts svn = svn_texts(c);
	uint64_t platform = bytes_le(snp_field(r, SNP_PLATFORM_INFO));
	json_object *to = c->to->claims = json_object_new_object();
	if (!to || !claim_hex(to, "measurement", snp_field(r, SNP_MEASUREMENT)) ||
	    !claim_hex(to, "report_data", snp_field(r, SNP_REPORT_DATA)) ||
	    !claim_hex(to, "init_data", snp_field(r, SNP_HOST_DATA)) ||
	    !claim_hex(to, "id_key_digest", snp_field(r, SNP_ID_KEY_DIGEST)) ||
	    !claim_hex(to, "author_key_digest", snp_field(r, SNP_AUTHOR_KEY_DIGEST)) ||
	    !claim_hex(to, "family_id", snp_field(r, SNP_FAMILY_ID)) ||
	    !claim_hex(to, "image_id", snp_field(r, SNP_IMAGE_ID)) ||
	    !claim_hex(to, "report_id", snp_field(r, SNP_REPORT_ID)) ||
	    !claim_hex(to, "chip_id", snp_field(r, SNP_CHIP_ID)) ||
	    !json_add_text(to, "reported_tcb_bootloader", svn.bootloader) ||
	    !json_add_text(to, "reported_tcb_microcode", svn.microcode) ||
	    !json_add_text(to, "reported_tcb_snp", svn.snp) || !json_add_text(to, "reported_tcb_tee", svn.tee) ||
	    !claim_number(to, "platform_smt_enabled", platform & 1) ||
	    !claim_number(to, "platform_tsme_enabled", platform >> 1 & 1) ||
	    !claim_number(to, "policy_abi_major", r->policy >> 8 & 255) ||
	    !claim_number(to, "policy_abi_minor", r->policy & 255) ||
	    !claim_number(to, "policy_smt_allowed", policy_bit(c, POLICY_SMT)) ||
	    !claim_number(to, "policy_migrate_ma", policy_bit(c, POLICY_MIGRATE)) ||
	    !claim_number(to, "policy_debug_allowed", policy_bit(c, POLICY_DEBUG)) ||
	    !claim_number(to, "policy_single_socket", policy_bit(c, POLICY_SINGLE_SOCKET)) ||
	    !claim_number(to, "vmpl", r->vmpl) || !json_add_text(to, "product", c->product->product))
		return err_nomem(em, "claims");
	return OK;
}

static enum err snp_judge(const struct trust *trust, struct snp_case *c, struct errmsg *em)
{
	bool found = false;
	snprintf(c->to->tcb_status, sizeof c->to->tcb_status, "not checked");
	enum err e = given_read(c, em);
	if (e != OK)
		return e;
	e = snp_report_parse(c->in->evidence, &c->report, em);
	if (e != OK)
		return appraisal_broken(c->to, "report format", e, em);
	if (!signer_check(c))
		return OK;
	e = chain_find(trust, c, &found, em);
	if (e != OK || !found || !signatures_check(c))
		return e;
	tcb_check(c);
	product_check(c);
	chip_check(c);
	vmpl_check(c);
	policy_check(c);
	appraise_bound(c->to, &(struct appraise_field){ "report data", c->in->report_data,
							snp_field(&c->report, SNP_REPORT_DATA) });
	appraise_bound(c->to,
		       &(struct appraise_field){ "init data", c->in->init_data, snp_field(&c->report, SNP_HOST_DATA) });
	e = references_check(c, em);
	return e == OK ? claims_add(c, em) : e;
}

enum err appraise_snp(const struct trust *trust, const struct verifier_input *in, struct appraisal *a,
		      struct errmsg *em)
{
	struct snp_case c = { .in = in, .to = a };
	enum err e = snp_judge(trust, &c, em);
	cert_set_clear(&c.given);
	cert_set_clear(&c.vendor);
	return e;
}

enum err verifier_snp_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em)
{
	return appraise_snp(&trust_vendors, in, a, em);
}
