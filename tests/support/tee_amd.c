#include "tests/support/tee_amd.h"

#include <stdio.h>

static EVP_PKEY *keys[AMD_ROLES];

static void cpuid_set(struct amd *w, unsigned version)
{
	w->report[0] = (uint8_t)version;
	if (version < 3)
		return;
	w->report[0x188] = strcmp(w->product, "Turin") == 0 ? 0x1a : 0x19;
	w->report[0x189] = strcmp(w->product, "Genoa") == 0 ? 0x11 : 0x01;
}

void amd_open(struct amd *w, const char *product, unsigned version)
{
	for (int i = 0; i < AMD_ROLES; i++)
		if (!keys[i])
			keys[i] = i == AMD_LEAF || i == AMD_STRANGE_LEAF ? pki_ec("P-384") : pki_rsa();
	memset(w, 0, sizeof *w);
	memcpy(w->keys, keys, sizeof keys);
	w->product = product;
	w->now = 1893888000;
	for (int i = 0; i < 4; i++) {
		w->from[i] = w->now - 1000000;
		w->until[i] = w->now + 1000000;
		w->signer[i] = i == AMD_LEAF ? AMD_ASK : AMD_ARK;
	}
	w->crl_signer = AMD_ARK;
	w->crl_until = w->now + 1000;
	w->report_signer = AMD_LEAF;
	bool turin = strcmp(product, "Turin") == 0;
	static const uint8_t svns[5] = { 3, 1, 8, 200, 7 };
	static const uint8_t plain[8] = { 3, 1, 0, 0, 0, 0, 8, 200 };
	static const uint8_t with_fmc[8] = { 7, 3, 1, 8, 0, 0, 0, 200 };
	memcpy(w->tcb, svns, 5);
	memcpy(w->report + 0x180, turin ? with_fmc : plain, 8);
	for (size_t i = 0; i < (turin ? 8 : 64); i++)
		w->hwid[i] = w->report[0x1a0 + i] = (uint8_t)(i + 1);
	w->report[0x0a] = 0x03; /* policy: SMT, bit 17 */
	w->report[0x34] = 1;
	memset(w->report + 0x90, 0x77, 48);
	cpuid_set(w, version);
}

void amd_close(struct amd *w)
{
	buf_clear(&w->vendor);
	buf_clear(&w->leaf);
	buf_clear(&w->crl_der);
}

static void ca_make(struct amd *w, enum amd_role role)
{
	static const char *const prefixes[] = { "ARK", "SEV", "SEV-VLEK" };
	char cn[64];
	char issuer[64];
	AUTO_BUF
	der = { 0 };
	snprintf(cn, sizeof cn, "%s-%s", prefixes[role], w->product);
	snprintf(issuer, sizeof issuer, "ARK-%s", w->product);
	struct pki_cert c = { cn,
			      issuer,
			      w->keys[role],
			      w->keys[w->signer[role]],
			      true,
			      1 + (long)role,
			      w->from[role],
			      w->until[role],
			      NULL,
			      0 };
	pki_cert_make(&c, &der);
	if (role == AMD_ARK)
		pki_sha256(buf_bytes(&der), w->ark_sha256);
	pki_append(&w->vendor, buf_bytes(&der));
}

static void number_extension(struct pki_extension *e, const char *oid, uint8_t value)
{
	uint8_t padded[2] = { 0, value };
	*e = (struct pki_extension){ .oid = oid };
	pki_der(&e->der, 0x02, value > 127 ? BYTES(padded) : (struct bytes){ &value, 1 });
}

static size_t leaf_extensions(const struct amd *w, struct pki_extension e[8])
{
	static const char *const oids[] = { "1.3.6.1.4.1.3704.1.3.1", "1.3.6.1.4.1.3704.1.3.2",
					    "1.3.6.1.4.1.3704.1.3.3", "1.3.6.1.4.1.3704.1.3.8",
					    "1.3.6.1.4.1.3704.1.3.9" };
	bool turin = strcmp(w->product, "Turin") == 0;
	size_t n = 0;
	for (; n < (turin ? 5 : 4); n++)
		number_extension(&e[n], oids[n], w->tcb[n]);
	e[n] = (struct pki_extension){ .oid = "1.3.6.1.4.1.3704.1.2" };
	pki_der(&e[n++].der, 0x16, bytes_str(w->leaf_product ? w->leaf_product : w->product));
	if (w->vlek && w->no_csp)
		return n;
	e[n] = (struct pki_extension){ .oid = w->vlek ? "1.3.6.1.4.1.3704.1.5" : "1.3.6.1.4.1.3704.1.4" };
	struct bytes hwid = { w->hwid, turin ? 8 : 64 };
	if (w->vlek)
		pki_der(&e[n++].der, 0x16, bytes_str("CN=cloud.example"));
	else if (w->hwid_wrapped)
		pki_der(&e[n++].der, 0x04, hwid);
	else
		pki_append(&e[n++].der, hwid);
	return n;
}

static void leaf_make(struct amd *w)
{
	struct pki_extension extensions[8] = { 0 };
	char issuer[64];
	snprintf(issuer, sizeof issuer, "%s-%s", w->vlek ? "SEV-VLEK" : "SEV", w->product);
	enum amd_role signer = w->vlek && w->signer[AMD_LEAF] == AMD_ASK ? AMD_ASVK : w->signer[AMD_LEAF];
	struct pki_cert c = { w->leaf_cn ? w->leaf_cn
			      : w->vlek  ? "SEV-VLEK"
					 : "SEV-VCEK",
			      w->leaf_issuer ? w->leaf_issuer : issuer,
			      w->keys[AMD_LEAF],
			      w->keys[signer],
			      false,
			      1 + AMD_LEAF,
			      w->from[AMD_LEAF],
			      w->until[AMD_LEAF],
			      extensions,
			      0 };
	c.extension_count = leaf_extensions(w, extensions);
	pki_cert_make(&c, &w->leaf);
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		buf_clear(&extensions[i].der);
}

static void report_sign(struct amd *w)
{
	uint8_t raw[96];
	if (w->vlek)
		w->report[0x48] = 1 << 2;
	pki_sign(w->keys[w->report_signer], (struct bytes){ w->report, SNP_SIGNED_LEN }, raw);
	memset(w->report + SNP_SIGNED_LEN, 0, 144);
	for (size_t i = 0; i < 48; i++) {
		w->report[SNP_SIGNED_LEN + i] = raw[47 - i];
		w->report[SNP_SIGNED_LEN + 72 + i] = raw[95 - i];
	}
}

void amd_make(struct amd *w)
{
	char issuer[64];
	buf_clear(&w->vendor);
	ca_make(w, AMD_ASK);
	ca_make(w, AMD_ARK);
	ca_make(w, AMD_ASVK);
	leaf_make(w);
	report_sign(w);
	snprintf(issuer, sizeof issuer, "ARK-%s", w->product);
	struct pki_crl crl = { issuer, w->keys[w->crl_signer], w->now - 1000, w->crl_until, w->revoked, false };
	if (w->crl)
		pki_crl_make(&crl, &w->crl_der);
	w->row = (struct trust_amd){ w->product, w->ark_sha256, buf_bytes(&w->vendor) };
	w->trust = (struct trust){ .amd = &w->row, .amd_count = 1 };
}

void amd_resign(struct amd *w)
{
	report_sign(w);
}
