#include "attest/appraise.h"

#include "attest/cursor.h"
#include "attest/reference.h"
#include "attest/tpm_attest.h"
#include "attest/verifier_row.h"
#include "common/key.h"
#include "common/libctx.h"
#include "common/pem.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>

/* A quote proves what a TPM's PCRs hold if its key is known to live in that TPM: a relying party names the keys that it
 * knows. TPM 2.0 Library, Part 1, 9.4 and 23. */

AUTO_OF_DEFINE(ECDSA_SIG, ECDSA_SIG_free)
AUTO_OF_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)

enum { RSA_BITS_MIN = 2048, INIT_DATA_PCR = 8, NONCE_MAX = 64, KEYS_MAX = 1024 };

struct tpm_case {
	const struct verifier_input *in;
	struct appraisal *to;
	struct tpm_attest quote;
	struct tpm_signature signature;
	struct bytes pcr[TPM_PCR_COUNT]; /* those that were quoted and are here */
};

/* --- the key ---------------------------------------------------------------------------------------------------- */

struct key_set {
	EVP_PKEY *keys[KEYS_MAX];
	size_t count;
};

static void key_set_clear(struct key_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		EVP_PKEY_free(set->keys[i]);
	free(set);
}

static enum err key_add(struct key_set *set, struct bytes der, bool certificate, struct errmsg *em)
{
	const uint8_t *at = der.data;
	EVP_PKEY *key = NULL;
	if (set->count == KEYS_MAX)
		return err_set(em, ERR_LIMIT, "more than %d trusted TPM keys", KEYS_MAX);
	if (certificate) {
		X509 *cert = X509_new_ex(libctx(), NULL);
		if (cert && d2i_X509(&cert, &at, (long)der.len)) {
			key = X509_get_pubkey(cert);
			X509_free(cert);
		}
	} else {
		key = d2i_PUBKEY_ex(NULL, &at, (long)der.len, libctx(), NULL);
	}
	if (!key || at != der.data + der.len) {
		EVP_PKEY_free(key);
		return err_openssl(em, ERR_PARSE, "a trusted TPM key is neither a public key nor a certificate");
	}
	set->keys[set->count++] = key;
	return OK;
}

/* PEM blocks, as many as there are, or one public key in DER. */
static enum err keys_add(struct key_set *set, struct bytes from, struct errmsg *em)
{
	struct pem_block block;
	struct bytes rest = from;
	enum err e = OK;
	if (!pem_present(from))
		return key_add(set, from, false, em);
	while (e == OK && (e = pem_next(&rest, &block, em)) == OK) {
		bool certificate = pem_label_is(&block, "CERTIFICATE");
		AUTO(secret) *der = NULL;
		if (!certificate && !pem_label_is(&block, "PUBLIC KEY"))
			return err_set(em, ERR_PARSE, "trusted TPM keys: a PEM block of another kind");
		e = pem_decode(&block, &der, em);
		if (e == OK)
			e = key_add(set, secret_bytes(der), certificate, em);
	}
	return e == ERR_NOT_FOUND ? OK : e;
}

static bool key_fits(EVP_PKEY *key, const struct tpm_signature *s)
{
	if (s->scheme == TPM_ECDSA)
		return EVP_PKEY_is_a(key, "EC");
	return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
}

/* DER of r and s; of which the TPM may leave leading zeros away. */
static int ecdsa_encode(const struct tpm_signature *s, uint8_t **der)
{
	AUTO_OF(ECDSA_SIG) *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(s->first.data, (int)s->first.len, NULL);
	BIGNUM *t = BN_bin2bn(s->second.data, (int)s->second.len, NULL);
	if (!sig || !r || !t || ECDSA_SIG_set0(sig, r, t) != 1) {
		BN_free(r);
		BN_free(t);
		return -1;
	}
	return i2d_ECDSA_SIG(sig, der);
}

static bool verifies(EVP_PKEY *key, const struct tpm_signature *s, struct bytes data)
{
	AUTO_OF(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	uint8_t *der = NULL;
	if (!ctx || EVP_DigestVerifyInit_ex(ctx, &pctx, s->hash, libctx(), NULL, key, NULL) != 1)
		return false;
	if (s->scheme == TPM_RSAPSS && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
					EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_AUTO) != 1))
		return false;
	struct bytes signature = s->first;
	if (s->scheme == TPM_ECDSA) {
		int len = ecdsa_encode(s, &der);
		signature = (struct bytes){ der, len > 0 ? (size_t)len : 0 };
	}
	bool holds =
		signature.len > 0 && EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) == 1;
	OPENSSL_free(der);
	return holds;
}

/* Which trusted key signed the quote; the evidence's own word for its key must be that one. */
static bool key_check(struct tpm_case *c, const struct key_set *set)
{
	EVP_PKEY *signer = NULL;
	for (size_t i = 0; i < set->count && !signer; i++)
		if (key_fits(set->keys[i], &c->signature) && verifies(set->keys[i], &c->signature, c->in->evidence))
			signer = set->keys[i];
	ERR_clear_error();
	if (!appraisal_expect(c->to, CHECK("quote signature", APPRAISAL_SIGNATURE), signer != NULL,
			      (struct check_texts){ "of a trusted attestation key",
						    signer       ? "of a trusted attestation key"
						    : set->count ? "of none of them"
								 : "none is trusted: name some" }))
		return false;
	if (!c->in->tpm.key.data)
		return true;
	const uint8_t *at = c->in->tpm.key.data;
	AUTO_OF(EVP_PKEY) *said = d2i_PUBKEY_ex(NULL, &at, (long)c->in->tpm.key.len, libctx(), NULL);
	bool same = said && EVP_PKEY_eq(said, signer) == 1;
	ERR_clear_error();
	return appraisal_expect(
		c->to, CHECK("attestation key", APPRAISAL_SIGNATURE), same,
		(struct check_texts){ "the one that signed", same ? "the one that signed" : "another" });
}

/* --- the PCRs --------------------------------------------------------------------------------------------------- */

static size_t selected_count(uint32_t selected)
{
	return (size_t)__builtin_popcount(selected);
}

/* All 24, or just those that were quoted, in order. */
static bool pcrs_place(struct tpm_case *c)
{
	struct bytes all = c->in->tpm.pcrs;
	bool whole = all.len == TPM_PCR_COUNT * TPM_PCR_SIZE;
	size_t next = 0;
	if (!whole && all.len != selected_count(c->quote.selected) * TPM_PCR_SIZE)
		return false;
	for (size_t i = 0; i < TPM_PCR_COUNT; i++) {
		if (!(c->quote.selected >> i & 1))
			continue;
		c->pcr[i] = bytes_part(all, (whole ? i : next) * TPM_PCR_SIZE, TPM_PCR_SIZE);
		next++;
	}
	return true;
}

/* The digest over the PCRs in order, with the hash of the signature. */
static enum err pcr_digest(const struct tpm_case *c, uint8_t out[EVP_MAX_MD_SIZE], size_t *len, struct errmsg *em)
{
	AUTO_BUF
	all = { 0 };
	enum err e = OK;
	for (size_t i = 0; i < TPM_PCR_COUNT && e == OK; i++)
		if (c->pcr[i].data)
			e = buf_append(&all, c->pcr[i], 0, em);
	if (e == OK && EVP_Q_digest(libctx(), c->signature.hash, NULL, all.data, all.len, out, len) != 1)
		e = err_openssl(em, ERR_CRYPTO, "%s", c->signature.hash);
	return e;
}

static enum err pcrs_check(struct tpm_case *c, struct errmsg *em)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t len = 0;
	if (!c->in->tpm.pcrs.data) {
		appraisal_not_made(c->to, "PCRs", "none were given");
		return OK;
	}
	bool placed = pcrs_place(c);
	char counts[2][32];
	snprintf(counts[0], sizeof counts[0], "24 or %zu", selected_count(c->quote.selected));
	snprintf(counts[1], sizeof counts[1], "%zu bytes", c->in->tpm.pcrs.len);
	if (!appraisal_expect(c->to, CHECK("number of PCRs", APPRAISAL_MALFORMED), placed,
			      (struct check_texts){ counts[0], counts[1] }))
		return OK;
	enum err e = pcr_digest(c, digest, &len, em);
	if (e != OK)
		return e;
	if (!appraisal_expect_bytes(c->to, CHECK("PCRs", APPRAISAL_MISMATCH),
				    (struct check_bytes){ { digest, len }, c->quote.pcr_digest }))
		memset(c->pcr, 0, sizeof c->pcr); /* they were not quoted: nothing may be concluded from them */
	return OK;
}

/* --- what it is bound to ---------------------------------------------------------------------------------------- */

/* Both padded with zeros: clients give the TPM the digest as it is, or padded to 64 bytes. */
static void nonce_check(const struct tpm_case *c)
{
	uint8_t wanted[NONCE_MAX] = { 0 };
	uint8_t actual[NONCE_MAX] = { 0 };
	struct bytes nonce = c->quote.nonce;
	if (!c->in->report_data.data) {
		appraisal_not_made(c->to, "report data", "nothing to compare with was given");
		return;
	}
	memcpy(wanted, c->in->report_data.data, c->in->report_data.len);
	if (nonce.len <= sizeof actual)
		memcpy(actual, nonce.data, nonce.len);
	appraisal_expect_bytes(c->to, CHECK("report data", APPRAISAL_MISMATCH),
			       (struct check_bytes){ BYTES(wanted), nonce.len <= sizeof actual
									    ? (struct bytes)BYTES(actual)
									    : nonce });
}

/* Whoever started the guest has extended PCR 8 with the digest, once: SHA-256(32 zeros || digest). */
static enum err init_data_check(const struct tpm_case *c, struct errmsg *em)
{
	uint8_t extended[2 * TPM_PCR_SIZE] = { 0 };
	uint8_t wanted[TPM_PCR_SIZE];
	size_t len = 0;
	struct bytes digest = c->in->init_data;
	struct bytes actual = c->pcr[INIT_DATA_PCR];
	if (!digest.data) {
		appraisal_not_made(c->to, "init data", "nothing to compare with was given");
		return OK;
	}
	if (digest.len != TPM_PCR_SIZE || !actual.data) {
		appraisal_expect(c->to, CHECK("init data", APPRAISAL_MISMATCH), false,
				 (struct check_texts){ "a digest of 32 bytes, and PCR 8 in the quote",
						       digest.len != TPM_PCR_SIZE ? "a digest of another length"
										  : "PCR 8 is not known" });
		return OK;
	}
	memcpy(extended + TPM_PCR_SIZE, digest.data, TPM_PCR_SIZE);
	if (EVP_Q_digest(libctx(), "SHA256", NULL, extended, sizeof extended, wanted, &len) != 1)
		return err_openssl(em, ERR_CRYPTO, "SHA-256");
	appraisal_expect_bytes(c->to, CHECK("init data", APPRAISAL_MISMATCH),
			       (struct check_bytes){ BYTES(wanted), actual });
	return OK;
}

static const char *const pcr_names[TPM_PCR_COUNT] = {
	"pcr00", "pcr01", "pcr02", "pcr03", "pcr04", "pcr05", "pcr06", "pcr07", "pcr08", "pcr09", "pcr10", "pcr11",
	"pcr12", "pcr13", "pcr14", "pcr15", "pcr16", "pcr17", "pcr18", "pcr19", "pcr20", "pcr21", "pcr22", "pcr23",
};

static enum err references_check(const struct tpm_case *c, struct errmsg *em)
{
	struct reference_value values[TPM_PCR_COUNT];
	for (size_t i = 0; i < TPM_PCR_COUNT; i++)
		values[i] = (struct reference_value){ pcr_names[i], c->pcr[i],
						      c->pcr[i].data ? NULL : "not quoted, or not known" };
	return reference_appraise(c->to, c->in->reference, values, TPM_PCR_COUNT, em);
}

static enum err claims_add(const struct tpm_case *c, struct errmsg *em)
{
	json_object *to = c->to->claims = json_object_new_object();
	bool held = to && claim_hex(to, "report_data", c->quote.nonce) &&
		    claim_hex(to, "init_data", c->pcr[INIT_DATA_PCR]) && claim_hex(to, "signer", c->quote.signer) &&
		    claim_number(to, "firmware_version", c->quote.firmware) &&
		    claim_number(to, "clock", c->quote.clock) && claim_number(to, "reset_count", c->quote.resets) &&
		    claim_number(to, "restart_count", c->quote.restarts) &&
		    claim_number(to, "clock_safe", c->quote.clock_safe);
	for (size_t i = 0; i < TPM_PCR_COUNT && held; i++)
		held = !c->pcr[i].data || claim_hex(to, pcr_names[i], c->pcr[i]);
	return held ? OK : err_nomem(em, "claims");
}

static enum err judge(struct tpm_case *c, const struct key_set *set, struct errmsg *em)
{
	enum err e = tpm_attest_parse(c->in->evidence, &c->quote, em);
	if (e != OK)
		return appraisal_broken(c->to, "quote format", e, em);
	e = tpm_signature_parse(c->in->tpm.signature, &c->signature, em);
	if (e != OK)
		return appraisal_broken(c->to, "signature format", e, em);
	if (!key_check(c, set))
		return OK;
	nonce_check(c);
	e = pcrs_check(c, em);
	if (e == OK)
		e = init_data_check(c, em);
	if (e == OK)
		e = references_check(c, em);
	return e == OK ? claims_add(c, em) : e;
}

enum err verifier_tpm_appraise(const struct verifier_input *in, struct appraisal *a, struct errmsg *em)
{
	struct tpm_case c = { .in = in, .to = a };
	struct key_set *set = calloc(1, sizeof *set);
	if (!set)
		return err_nomem(em, "keys");
	enum err e = OK;
	snprintf(a->tcb_status, sizeof a->tcb_status, "not checked");
	for (size_t i = 0; i < in->cert_count && e == OK; i++)
		e = keys_add(set, in->certs[i], em);
	if (e == OK)
		e = judge(&c, set, em);
	key_set_clear(set);
	return e;
}
