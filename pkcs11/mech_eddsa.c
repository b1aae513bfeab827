/* Ed25519 and Ed448: PKCS #11 3.0, 2.3.14, RFC 8032. All at once. With a context or pre-hashed only where OpenSSL can
 * (3.2 and up). */
#include "common/key_build.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "pkcs11/mechanism.h"

#include <openssl/core_names.h>

/* By their names, which OpenSSL 3.0 has no macros for. */
#define PARAM_INSTANCE "instance"
#define PARAM_CONTEXT "context-string"

struct eddsa_state {
	const char *instance; /* NULL: what the key does without a word */
	uint8_t context[255];
	size_t context_len;
};

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)m;
	const CK_EDDSA_PARAMS *p = from->pParameter;
	if (!from->ulParameterLen)
		return CKR_OK;
	if (from->ulParameterLen != sizeof(*p) || p->phFlag > CK_TRUE || p->ulContextDataLen > 255 ||
	    (p->ulContextDataLen && !p->pContextData))
		return CKR_MECHANISM_PARAM_INVALID;
	to->unique = true;
	return CKR_OK;
}

/* RFC 8032 5.1, 5.2: which of the five it is. False where there is none such or OpenSSL has it not. */
static bool choose_instance(const struct okp_curve *curve, bool hashed, struct eddsa_state *state)
{
	if (curve->size == 57)
		state->instance = hashed ? "Ed448ph" : state->context_len ? "Ed448" : NULL;
	else if (hashed || state->context_len)
		state->instance = hashed ? "Ed25519ph" : "Ed25519ctx";
	else
		return false; /* 8.5: Ed25519ctx wants a context */
	if (!state->instance)
		return true;
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(libctx(), curve->name, NULL);
	bool there = signature && OSSL_PARAM_locate_const(EVP_SIGNATURE_settable_ctx_params(signature), PARAM_INSTANCE);
	EVP_SIGNATURE_free(signature);
	return there;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	const CK_EDDSA_PARAMS *p = from->pParameter;
	const struct okp_curve *curve = okp_curve_of(use->material->key);
	if (!curve)
		return CKR_KEY_TYPE_INCONSISTENT;
	use->out_max = 2 * curve->size;
	if (!from->ulParameterLen)
		return CKR_OK;
	struct eddsa_state *state = use->state = calloc(1, sizeof(*state));
	if (!state)
		return CKR_HOST_MEMORY;
	use->state_free = free;
	use->once = true;
	state->context_len = p->ulContextDataLen;
	if (state->context_len)
		memcpy(state->context, p->pContextData, state->context_len);
	return choose_instance(curve, p->phFlag, state) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

/* The parameters of EVP_DigestSignInit_ex(). */
static const OSSL_PARAM *evp_params(const struct eddsa_state *state, OSSL_PARAM to[3])
{
	if (!state || !state->instance)
		return NULL;
	to[0] = OSSL_PARAM_construct_utf8_string(PARAM_INSTANCE, (char *)(uintptr_t)state->instance, 0);
	to[1] = OSSL_PARAM_construct_octet_string(PARAM_CONTEXT, (void *)(uintptr_t)state->context, state->context_len);
	to[2] = OSSL_PARAM_construct_end();
	return to;
}

static CK_RV run(const struct mechanism *m, struct mechanism_use *use, struct bytes in, uint8_t *to, CK_ULONG *len)
{
	(void)m;
	OSSL_PARAM params[3];
	size_t n = use->out_max;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *data = in.data ? in.data : (const uint8_t *)"";
	bool good = ctx &&
		    EVP_DigestSignInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key,
					  evp_params(use->state, params)) == 1 &&
		    EVP_DigestSign(ctx, to, &n, data, in.len) == 1;
	EVP_MD_CTX_free(ctx);
	openssl_errors_drop();
	*len = n;
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV verify(const struct mechanism *m, struct mechanism_use *use, struct bytes in, struct bytes signature)
{
	(void)m;
	OSSL_PARAM params[3];
	if (signature.len != use->out_max)
		return CKR_SIGNATURE_LEN_RANGE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *data = in.data ? in.data : (const uint8_t *)"";
	CK_RV rv = CKR_FUNCTION_FAILED;
	if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx(), NULL, use->material->key,
					   evp_params(use->state, params)) == 1)
		rv = EVP_DigestVerify(ctx, signature.data, signature.len, data, in.len) == 1 ? CKR_OK
											     : CKR_SIGNATURE_INVALID;
	EVP_MD_CTX_free(ctx);
	openssl_errors_drop();
	return rv;
}

const struct mechanism_ops mech_eddsa = { check, prepare, run, verify, NULL, NULL };
