#include "pkcs11/mechanism.h"

#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "pkcs11/rsa_unpad.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>

/* PKCS #11 2.40 mechanisms, 2.1. */

static CK_ULONG modulus_len(const struct mechanism_use *use)
{
	return use->material->modulus.len;
}

static int init_for(struct mechanism_use *use)
{
	switch (use->kind) {
	case OP_SIGN:
	case OP_SIGN_RECOVER:
		return EVP_PKEY_sign_init(use->ctx);
	case OP_VERIFY:
		return EVP_PKEY_verify_init(use->ctx);
	case OP_VERIFY_RECOVER:
		return EVP_PKEY_verify_recover_init(use->ctx);
	case OP_ENCRYPT:
		return EVP_PKEY_encrypt_init(use->ctx);
	default:
		return EVP_PKEY_decrypt_init(use->ctx);
	}
}

static CK_RV start(struct mechanism_use *use, int padding)
{
	use->out_max = modulus_len(use);
	use->ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), use->material->key, NULL);
	if (!use->ctx)
		return CKR_HOST_MEMORY;
	if (init_for(use) <= 0 || EVP_PKEY_CTX_set_rsa_padding(use->ctx, padding) <= 0) {
		openssl_errors_drop();
		return CKR_FUNCTION_FAILED;
	}
	return CKR_OK;
}

static CK_RV prepare_pkcs1(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)from;
	/* Decryption takes the padding off itself: see rsa_unpad.h. */
	CK_RV rv = start(use, use->kind == OP_DECRYPT ? RSA_NO_PADDING : RSA_PKCS1_PADDING);
	if (rv == CKR_OK && m->hash && EVP_PKEY_CTX_set_signature_md(use->ctx, mechanism_md(m->hash)) <= 0)
		rv = CKR_FUNCTION_FAILED;
	return rv;
}

static CK_RV prepare_raw(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	(void)from;
	return start(use, RSA_NO_PADDING);
}

static const char *mgf1_hash(CK_RSA_PKCS_MGF_TYPE mgf)
{
	switch (mgf) {
	case CKG_MGF1_SHA1:
		return "SHA1";
	case CKG_MGF1_SHA224:
		return "SHA224";
	case CKG_MGF1_SHA256:
		return "SHA256";
	case CKG_MGF1_SHA384:
		return "SHA384";
	case CKG_MGF1_SHA512:
		return "SHA512";
	case CKG_MGF1_SHA3_224:
		return "SHA3-224";
	case CKG_MGF1_SHA3_256:
		return "SHA3-256";
	case CKG_MGF1_SHA3_384:
		return "SHA3-384";
	case CKG_MGF1_SHA3_512:
		return "SHA3-512";
	default:
		return NULL;
	}
}

static CK_RV take_hashes(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf, struct mechanism_params *to)
{
	const char *name = mechanism_hash_name(hash), *mgf1 = mgf1_hash(mgf);
	if (!name || !mgf1)
		return CKR_MECHANISM_PARAM_INVALID;
	snprintf(to->hash, sizeof(to->hash), "%s", name);
	snprintf(to->mgf1, sizeof(to->mgf1), "%s", mgf1);
	return CKR_OK;
}

static CK_RV check_oaep(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)m;
	const CK_RSA_PKCS_OAEP_PARAMS *p = from->pParameter;
	if (!p || from->ulParameterLen != sizeof(*p))
		return CKR_MECHANISM_PARAM_INVALID;
	/* Some say "no source" where the label is empty. */
	bool label = p->ulSourceDataLen > 0;
	if ((p->source != CKZ_DATA_SPECIFIED && (p->source != 0 || label)) || (label && !p->pSourceData) ||
	    p->ulSourceDataLen > 65536)
		return CKR_MECHANISM_PARAM_INVALID;
	return take_hashes(p->hashAlg, p->mgf, to);
}

static CK_RV set_label(struct mechanism_use *use, const CK_RSA_PKCS_OAEP_PARAMS *p)
{
	if (!p->ulSourceDataLen)
		return CKR_OK;
	use->once = true;
	void *label = OPENSSL_memdup(p->pSourceData, p->ulSourceDataLen);
	if (!label)
		return CKR_HOST_MEMORY;
	if (EVP_PKEY_CTX_set0_rsa_oaep_label(use->ctx, label, (int)p->ulSourceDataLen) <= 0) {
		OPENSSL_free(label);
		return CKR_FUNCTION_FAILED;
	}
	return CKR_OK;
}

static CK_RV prepare_oaep(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	CK_RV rv = start(use, RSA_PKCS1_OAEP_PADDING);
	if (rv != CKR_OK)
		return rv;
	if (EVP_PKEY_CTX_set_rsa_oaep_md(use->ctx, mechanism_md(use->params.hash)) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(use->ctx, mechanism_md(use->params.mgf1)) <= 0)
		return CKR_FUNCTION_FAILED;
	return set_label(use, from->pParameter);
}

static CK_RV check_pss(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	const CK_RSA_PKCS_PSS_PARAMS *p = from->pParameter;
	if (!p || from->ulParameterLen != sizeof(*p))
		return CKR_MECHANISM_PARAM_INVALID;
	CK_RV rv = take_hashes(p->hashAlg, p->mgf, to);
	if (rv != CKR_OK || (m->hash && strcmp(m->hash, to->hash) != 0))
		return CKR_MECHANISM_PARAM_INVALID;
	to->salt = p->sLen;
	return CKR_OK;
}

static CK_RV prepare_pss(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	(void)from;
	const EVP_MD *md = mechanism_md(use->params.hash);
	/* RFC 8017 9.1.1: emLen >= hLen + sLen + 2. */
	CK_ULONG em_len = (use->material->bits + 6) / 8, hash_len = (CK_ULONG)EVP_MD_get_size(md);
	if (use->params.salt > em_len || use->params.salt + hash_len + 2 > em_len)
		return CKR_MECHANISM_PARAM_INVALID;
	CK_RV rv = start(use, RSA_PKCS1_PSS_PADDING);
	if (rv != CKR_OK)
		return rv;
	if (EVP_PKEY_CTX_set_signature_md(use->ctx, md) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(use->ctx, mechanism_md(use->params.mgf1)) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(use->ctx, (int)use->params.salt) <= 0)
		return CKR_FUNCTION_FAILED;
	return CKR_OK;
}

/* How many bytes the operation may take; 0 for none. */
static CK_ULONG input_max(const struct mechanism *m, const struct mechanism_use *use)
{
	CK_ULONG k = modulus_len(use);
	if (m->ops == &mech_rsa_oaep) {
		CK_ULONG hash = (CK_ULONG)EVP_MD_get_size(mechanism_md(use->params.hash));
		return k > 2 * hash + 2 ? k - 2 * hash - 2 : 0;
	}
	return m->ops == &mech_rsa_raw ? k : k - 11;
}

static CK_RV check_input(const struct mechanism *m, const struct mechanism_use *use, struct bytes in)
{
	if (use->kind == OP_DECRYPT)
		return in.len == modulus_len(use) ? CKR_OK : CKR_ENCRYPTED_DATA_LEN_RANGE;
	if (use->kind == OP_VERIFY_RECOVER)
		return in.len == modulus_len(use) ? CKR_OK : CKR_SIGNATURE_LEN_RANGE;
	if (use->params.hash[0] && m->ops != &mech_rsa_oaep)
		return in.len == (size_t)EVP_MD_get_size(mechanism_md(use->params.hash)) ? CKR_OK : CKR_DATA_LEN_RANGE;
	return in.len <= input_max(m, use) ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static int evp_run(struct mechanism_use *use, struct bytes in, uint8_t *to, size_t *len)
{
	switch (use->kind) {
	case OP_SIGN:
	case OP_SIGN_RECOVER:
		return EVP_PKEY_sign(use->ctx, to, len, in.data, in.len);
	case OP_VERIFY_RECOVER:
		return EVP_PKEY_verify_recover(use->ctx, to, len, in.data, in.len);
	case OP_ENCRYPT:
		return EVP_PKEY_encrypt(use->ctx, to, len, in.data, in.len);
	default:
		return EVP_PKEY_decrypt(use->ctx, to, len, in.data, in.len);
	}
}

static CK_RV failure(enum operation_kind kind)
{
	if (kind == OP_DECRYPT)
		return CKR_ENCRYPTED_DATA_INVALID;
	return kind == OP_VERIFY_RECOVER ? CKR_SIGNATURE_INVALID : CKR_FUNCTION_FAILED;
}

static CK_RV run_any(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	CK_RV rv = check_input(m, use, in);
	if (rv != CKR_OK)
		return rv;
	size_t got = use->out_max;
	/* OpenSSL wants a pointer even where there is nothing to point to. */
	if (!in.data)
		in.data = (const uint8_t *)"";
	if (evp_run(use, in, to, &got) <= 0) {
		openssl_errors_drop();
		return failure(use->kind);
	}
	*len = got;
	return CKR_OK;
}

static CK_RV run_pkcs1(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to,
		       CK_ULONG *len)
{
	if (use->kind != OP_DECRYPT)
		return run_any(m, use, in, to, len);
	CK_RV rv = check_input(m, use, in);
	if (rv != CKR_OK)
		return rv;
	size_t got = 0;
	if (rsa_unpad_decrypt(use->ctx, use->material->key, in, to, &got) != OK)
		return CKR_ENCRYPTED_DATA_INVALID;
	*len = got;
	return CKR_OK;
}

/* Raw RSA takes a number: shorter input stands for one with leading zeros. */
static CK_RV run_raw(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	CK_RV rv = check_input(m, use, in);
	if (rv != CKR_OK)
		return rv;
	AUTO(secret) *padded = NULL;
	size_t k = modulus_len(use);
	if (secret_new(k, &padded, NULL) != OK)
		return CKR_HOST_MEMORY;
	if (in.len)
		memcpy(secret_data(padded) + (k - in.len), in.data, in.len);
	rv = run_any(m, use, secret_bytes(padded), to, len);
	/* The one thing that can be wrong with it: it is not below the modulus. */
	return rv == CKR_FUNCTION_FAILED ? CKR_DATA_INVALID : rv;
}

static CK_RV verify_any(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	CK_RV rv = check_input(m, use, in);
	if (rv != CKR_OK)
		return rv;
	if (signature.len != modulus_len(use))
		return CKR_SIGNATURE_LEN_RANGE;
	if (!in.data)
		in.data = (const uint8_t *)"";
	int good = EVP_PKEY_verify(use->ctx, signature.data, signature.len, in.data, in.len);
	openssl_errors_drop();
	return good == 1 ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static CK_RV verify_raw(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	uint8_t padded[16384 / 8] = { 0 };
	size_t k = modulus_len(use);
	if (k > sizeof(padded) || in.len > k)
		return CKR_DATA_LEN_RANGE;
	if (in.len)
		memcpy(padded + (k - in.len), in.data, in.len);
	return verify_any(m, use, (struct bytes){ padded, k }, signature);
}

const struct mechanism_ops mech_rsa_pkcs1 = { mechanism_check_none, prepare_pkcs1, run_pkcs1, verify_any, NULL, NULL };
const struct mechanism_ops mech_rsa_raw = { mechanism_check_none, prepare_raw, run_raw, verify_raw, NULL, NULL };
const struct mechanism_ops mech_rsa_oaep = { check_oaep, prepare_oaep, run_any, NULL, NULL, NULL };
const struct mechanism_ops mech_rsa_pss = { check_pss, prepare_pss, run_any, verify_any, NULL, NULL };
