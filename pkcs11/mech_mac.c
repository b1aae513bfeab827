/* HMAC and AES-CMAC, whole or cut short: PKCS #11 2.40 mechanisms, 2.8.10, 2.18 and following. */
#include "common/libctx.h"
#include "pkcs11/mechanism.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

/* The state is the EVP_MAC_CTX. */
static void state_free(void *of)
{
	EVP_MAC_CTX_free(of);
}

static CK_ULONG full_size(const struct mechanism *m)
{
	return m->ops == &mech_cmac ? 16 : (CK_ULONG)EVP_MD_get_size(mechanism_md(m->name));
}

static bool is_general(const struct mechanism *m)
{
	switch (m->type) {
	case CKM_AES_CMAC_GENERAL:
	case CKM_SHA_1_HMAC_GENERAL:
	case CKM_SHA224_HMAC_GENERAL:
	case CKM_SHA256_HMAC_GENERAL:
	case CKM_SHA384_HMAC_GENERAL:
	case CKM_SHA512_HMAC_GENERAL:
	case CKM_SHA512_224_HMAC_GENERAL:
	case CKM_SHA512_256_HMAC_GENERAL:
	case CKM_SHA3_224_HMAC_GENERAL:
	case CKM_SHA3_256_HMAC_GENERAL:
	case CKM_SHA3_384_HMAC_GENERAL:
	case CKM_SHA3_512_HMAC_GENERAL:
		return true;
	default:
		return false;
	}
}

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	if (!is_general(m)) {
		to->mac = full_size(m);
		return from->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
	}
	if (from->ulParameterLen != sizeof(to->mac))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&to->mac, from->pParameter, sizeof(to->mac));
	return to->mac >= 1 && to->mac <= full_size(m) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static EVP_MAC_CTX *start(const struct mechanism *m)
{
	EVP_MAC *mac = EVP_MAC_fetch(libctx(), m->ops == &mech_cmac ? "CMAC" : "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return ctx;
}

static bool set_key(const struct mechanism *m, EVP_MAC_CTX *ctx, struct bytes key)
{
	char cipher[] = "AES-128-CBC";
	bool cmac = m->ops == &mech_cmac;
	if (cmac)
		memcpy(cipher + 4, key.len == 16 ? "128" : key.len == 24 ? "192" : "256", 3);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(cmac ? OSSL_MAC_PARAM_CIPHER : OSSL_MAC_PARAM_DIGEST,
						 cmac ? cipher : (char *)(uintptr_t)m->name, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_init(ctx, key.data, key.len, params);
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)from;
	EVP_MAC_CTX *ctx = use->state;
	use->out_max = use->params.mac;
	/* The same key again. */
	if (ctx && EVP_MAC_init(ctx, NULL, 0, NULL))
		return CKR_OK;
	state_free(ctx);
	use->state = ctx = start(m);
	use->state_free = state_free;
	return ctx && set_key(m, ctx, secret_bytes(use->material->raw)) ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV absorb(struct mechanism_use *use, struct bytes part)
{
	return !part.len || EVP_MAC_update(use->state, part.data, part.len) ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV compute(struct mechanism_use *use, uint8_t full[EVP_MAX_MD_SIZE])
{
	size_t len = 0;
	bool good = EVP_MAC_final(use->state, full, &len, EVP_MAX_MD_SIZE) && len >= use->params.mac;
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	(void)in;
	uint8_t full[EVP_MAX_MD_SIZE];
	CK_RV rv = compute(use, full);
	if (rv == CKR_OK)
		memcpy(to, full, use->params.mac);
	*len = use->params.mac;
	secret_wipe(full, sizeof(full));
	return rv;
}

static CK_RV verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	(void)m;
	(void)in;
	uint8_t full[EVP_MAX_MD_SIZE];
	if (signature.len != use->params.mac)
		return CKR_SIGNATURE_LEN_RANGE;
	CK_RV rv = compute(use, full);
	if (rv == CKR_OK && CRYPTO_memcmp(full, signature.data, signature.len) != 0)
		rv = CKR_SIGNATURE_INVALID;
	secret_wipe(full, sizeof(full));
	return rv;
}

const struct mechanism_ops mech_hmac = { check, prepare, run, verify, absorb, NULL };
const struct mechanism_ops mech_cmac = { check, prepare, run, verify, absorb, NULL };
