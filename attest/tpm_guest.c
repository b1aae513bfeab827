#include "attest/tpm_guest.h"

#include "common/crypto_gate.h"
#include "common/key.h"
#include "common/libctx.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

enum { RSA_BITS = 2048, RSA_DEFAULT_EXPONENT = 65537, QUOTE_TRIES = 8, SIGNATURE_MAX = 1024 };

static enum err refused(TSS2_RC rc, struct errmsg *em, const char *what)
{
	return err_set(em, ERR_ATTEST, "TPM: %s: response code 0x%x", what, rc);
}

enum err tpm_guest_open(const char *tcti, struct tpm_guest *out, struct errmsg *em)
{
	*out = (struct tpm_guest){ .key = ESYS_TR_NONE };
	enum err e = tpm_library_load(&out->tss, em);
	if (e != OK)
		return e;
	TSS2_RC rc = out->tss->tcti_open(tcti, &out->tcti);
	if (rc == TSS2_RC_SUCCESS)
		rc = out->tss->open(&out->esys, out->tcti, NULL);
	if (rc == TSS2_RC_SUCCESS)
		return OK;
	tpm_guest_close(out);
	return refused(rc, em, tcti);
}

void tpm_guest_close(struct tpm_guest *t)
{
	if (t->esys && t->key != ESYS_TR_NONE && t->key_made)
		(void)t->tss->flush(t->esys, t->key);
	else if (t->esys && t->key != ESYS_TR_NONE)
		(void)t->tss->handle_close(t->esys, &t->key);
	if (t->esys)
		t->tss->close(&t->esys);
	if (t->tcti)
		t->tss->tcti_close(&t->tcti);
	*t = (struct tpm_guest){ .key = ESYS_TR_NONE };
}

static bool persistent_there(struct tpm_guest *t)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	TPMI_YES_NO more = 0;
	TSS2_RC rc = t->tss->get_capability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
					    TPM_PERSISTENT_AK, 1, &more, &found);
	bool there = rc == TSS2_RC_SUCCESS && found->data.handles.count == 1 &&
		     found->data.handles.handle[0] == TPM_PERSISTENT_AK;
	if (found)
		t->tss->free(found);
	return there;
}

static TSS2_RC persistent_take(struct tpm_guest *t, TPM2B_PUBLIC **public)
{
	TSS2_RC rc = t->tss->from_public(t->esys, TPM_PERSISTENT_AK, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &t->key);
	return rc != TSS2_RC_SUCCESS ? rc
				     : t->tss->read_public(t->esys, t->key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
							   public, NULL, NULL);
}

/* Restricted: it signs nothing but what the TPM itself says. */
static TSS2_RC primary_make(struct tpm_guest *t, TPM2B_PUBLIC **public)
{
	static const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	static const TPM2B_DATA outside = { .size = 0 };
	static const TPML_PCR_SELECTION none = { .count = 0 };
	static const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_FIXEDTPM |
					    TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
					    TPMA_OBJECT_USERWITHAUTH,
			.parameters.rsaDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme = { .scheme = TPM2_ALG_RSASSA, .details.rsassa.hashAlg = TPM2_ALG_SHA256 },
				.keyBits = RSA_BITS,
			},
		},
	};
	TPM2B_CREATION_DATA *data = NULL;
	TPM2B_DIGEST *hash = NULL;
	TPMT_TK_CREATION *ticket = NULL;
	TSS2_RC rc =
		t->tss->create_primary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				       &sensitive, &template, &outside, &none, &t->key, public, &data, &hash, &ticket);
	t->key_made = rc == TSS2_RC_SUCCESS;
	t->tss->free(data);
	t->tss->free(hash);
	t->tss->free(ticket);
	return rc;
}

static EVP_PKEY *rsa_import(struct bytes modulus, uint32_t exponent)
{
	EVP_PKEY *key = NULL;
	BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx(), "RSA", NULL);
	if (n && builder && ctx && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	return key;
}

static enum err rsa_to_spki(struct bytes modulus, uint32_t exponent, struct buf *out, struct errmsg *em)
{
	AUTO_OF(EVP_PKEY) *key = rsa_import(modulus, exponent);
	uint8_t *der = NULL;
	int len = key ? i2d_PUBKEY(key, &der) : -1;
	if (len <= 0)
		return err_openssl(em, ERR_CRYPTO, "the TPM's attestation key");
	enum err e = buf_append(out, (struct bytes){ der, (size_t)len }, 0, em);
	OPENSSL_free(der);
	return e;
}

static enum err spki_make(const TPMT_PUBLIC *public, struct buf *out, struct errmsg *em)
{
	if (public->type != TPM2_ALG_RSA || !(public->objectAttributes & TPMA_OBJECT_RESTRICTED) ||
	    !(public->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT))
		return err_set(em, ERR_ATTEST, "TPM: the key at 0x%x is no restricted RSA key for signatures",
			       (unsigned)TPM_PERSISTENT_AK);
	uint32_t exponent = public->parameters.rsaDetail.exponent;
	struct bytes modulus = { public->unique.rsa.buffer, public->unique.rsa.size };
	crypto_gate_enter();
	enum err e = rsa_to_spki(modulus, exponent ? exponent : RSA_DEFAULT_EXPONENT, out, em);
	crypto_gate_leave();
	return e;
}

enum err tpm_guest_key(struct tpm_guest *t, struct buf *spki, struct errmsg *em)
{
	TPM2B_PUBLIC *public = NULL;
	TSS2_RC rc = persistent_there(t) ? persistent_take(t, &public) : primary_make(t, &public);
	enum err e =
		rc == TSS2_RC_SUCCESS ? spki_make(&public->publicArea, spki, em) : refused(rc, em, "attestation key");
	t->tss->free(public);
	return e;
}

/* At most as many as one answer holds; `todo` loses what came. */
static enum err pcrs_read_some(struct tpm_guest *t, uint32_t *todo, struct tpm_pcrs *out, struct errmsg *em)
{
	TPML_PCR_SELECTION wanted = { .count = 1 };
	TPML_PCR_SELECTION *got = NULL;
	TPML_DIGEST *values = NULL;
	uint32_t before = *todo;
	wanted.pcrSelections[0] = (TPMS_PCR_SELECTION){ .hash = TPM2_ALG_SHA256, .sizeofSelect = 3 };
	for (unsigned i = 0; i < 3; i++)
		wanted.pcrSelections[0].pcrSelect[i] = (uint8_t)(*todo >> (8 * i));
	TSS2_RC rc = t->tss->pcr_read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, NULL, &got, &values);
	if (rc != TSS2_RC_SUCCESS)
		return refused(rc, em, "PCR_Read");
	unsigned next = 0;
	const TPMS_PCR_SELECTION *bank = &got->pcrSelections[0];
	for (unsigned i = 0; i < TPM_PCRS && got->count == 1; i++) {
		if (!(bank->pcrSelect[i / 8] >> (i % 8) & 1) || !(*todo >> i & 1) || next >= values->count)
			continue;
		if (values->digests[next].size == TPM_PCR_LEN) {
			memcpy(out->value[i], values->digests[next].buffer, TPM_PCR_LEN);
			*todo &= ~(1U << i);
		}
		next++;
	}
	t->tss->free(got);
	t->tss->free(values);
	return *todo != before ? OK : err_set(em, ERR_ATTEST, "TPM: it has no SHA-256 bank of %d PCRs", TPM_PCRS);
}

enum err tpm_guest_pcrs(struct tpm_guest *t, struct tpm_pcrs *out, struct errmsg *em)
{
	uint32_t todo = (1U << TPM_PCRS) - 1;
	enum err e = OK;
	while (todo && e == OK)
		e = pcrs_read_some(t, &todo, out, em);
	return e;
}

/* A quote signs a digest of the PCRs, which are read beside it and may have moved meanwhile. */
static enum err quoted_these(const struct tpm_guest *t, const struct tpm_quote *q, bool *same, struct errmsg *em)
{
	TPMS_ATTEST attest;
	size_t at = 0, len = 0;
	uint8_t digest[TPM_PCR_LEN];
	TSS2_RC rc = t->tss->attest_unmarshal(q->message.data, q->message.len, &at, &attest);
	if (rc != TSS2_RC_SUCCESS || attest.type != TPM2_ST_ATTEST_QUOTE)
		return refused(rc, em, "the quote cannot be read");
	crypto_gate_enter();
	enum err e = EVP_Q_digest(libctx(), "SHA256", NULL, q->pcrs.value, sizeof q->pcrs.value, digest, &len) == 1
			     ? OK
			     : err_openssl(em, ERR_CRYPTO, "SHA-256");
	crypto_gate_leave();
	if (e != OK)
		return e;
	const TPM2B_DIGEST *said = &attest.attested.quote.pcrDigest;
	*same = bytes_equal(BYTES(digest), (struct bytes){ said->buffer, said->size });
	return OK;
}

static enum err quote_keep(const struct tpm_guest *t, const TPM2B_ATTEST *message, const TPMT_SIGNATURE *signature,
			   struct tpm_quote *out, struct errmsg *em)
{
	uint8_t marshalled[SIGNATURE_MAX];
	size_t len = 0;
	TSS2_RC rc = t->tss->signature_marshal(signature, marshalled, sizeof marshalled, &len);
	if (rc != TSS2_RC_SUCCESS)
		return refused(rc, em, "signature");
	buf_clear(&out->message);
	buf_clear(&out->signature);
	enum err e = buf_append(&out->message, (struct bytes){ message->attestationData, message->size }, 0, em);
	return e == OK ? buf_append(&out->signature, (struct bytes){ marshalled, len }, 0, em) : e;
}

static enum err quote_once(struct tpm_guest *t, const TPM2B_DATA *nonce, struct tpm_quote *out, struct errmsg *em)
{
	static const TPMT_SIG_SCHEME of_key = { .scheme = TPM2_ALG_NULL };
	static const TPML_PCR_SELECTION all = {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SHA256, .sizeofSelect = 3, .pcrSelect = { 0xff, 0xff, 0xff } } },
	};
	TPM2B_ATTEST *message = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc = t->tss->quote(t->esys, t->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nonce, &of_key, &all,
				   &message, &signature);
	enum err e = rc == TSS2_RC_SUCCESS ? quote_keep(t, message, signature, out, em) : refused(rc, em, "Quote");
	t->tss->free(message);
	t->tss->free(signature);
	return e;
}

enum err tpm_guest_quote(struct tpm_guest *t, struct bytes nonce, struct tpm_quote *out, struct errmsg *em)
{
	TPM2B_DATA data = { .size = (UINT16)nonce.len };
	if (nonce.len > sizeof data.buffer)
		return err_set(em, ERR_ARG, "a nonce of %zu bytes", nonce.len);
	memcpy(data.buffer, nonce.data, nonce.len);
	for (int tries = 0; tries < QUOTE_TRIES; tries++) {
		bool same = false;
		enum err e = tpm_guest_pcrs(t, &out->pcrs, em);
		if (e == OK)
			e = quote_once(t, &data, out, em);
		if (e == OK)
			e = quoted_these(t, out, &same, em);
		if (e != OK || same)
			return e;
	}
	return err_set(em, ERR_ATTEST, "TPM: its PCRs do not hold still");
}
