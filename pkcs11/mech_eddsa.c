/* Ed25519 and Ed448: PKCS #11 3.0, 2.3.14, RFC 8032. With a context or pre-hashed only where OpenSSL can (3.2 and
 * up). */
#include "common/key_build.h"
#include "common/libctx.h"
#include "pkcs11/mech_whole.h"

/* Names that OpenSSL 3.0 has no macros for. */
#define PARAM_INSTANCE "instance"
#define PARAM_CONTEXT "context-string"

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	(void)m;
	const CK_EDDSA_PARAMS *p = from->pParameter;
	if (!from->ulParameterLen)
		return CKR_OK;
	if (from->ulParameterLen != sizeof(*p) || p->phFlag > CK_TRUE || p->ulContextDataLen > WHOLE_CONTEXT_MAX ||
	    (p->ulContextDataLen && !p->pContextData))
		return CKR_MECHANISM_PARAM_INVALID;
	to->unique = 1;
	return CKR_OK;
}

/* RFC 8032 5.1, 5.2: which of the five it is; "" is what the key does without a word, NULL is none. */
static const char *instance_of(const struct okp_curve *curve, bool hashed, size_t context_len)
{
	if (curve->size == 57)
		return hashed ? "Ed448ph" : context_len ? "Ed448" : "";
	if (hashed)
		return "Ed25519ph";
	return context_len ? "Ed25519ctx" : NULL; /* 8.5 wants a context */
}

static bool openssl_has_instances(const struct okp_curve *curve)
{
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(libctx(), curve->name, NULL);
	bool has = signature && OSSL_PARAM_locate_const(EVP_SIGNATURE_settable_ctx_params(signature), PARAM_INSTANCE);
	EVP_SIGNATURE_free(signature);
	return has;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	(void)m;
	const CK_EDDSA_PARAMS *p = from->pParameter;
	const struct okp_curve *curve = okp_curve_of(use->material->key);
	struct whole_state *state = NULL;
	if (!curve)
		return CKR_KEY_TYPE_INCONSISTENT;
	use->out_max = 2 * curve->size;
	if (!from->ulParameterLen)
		return CKR_OK;
	const char *instance = instance_of(curve, p->phFlag, p->ulContextDataLen);
	if (!instance || (*instance && !openssl_has_instances(curve)))
		return CKR_MECHANISM_PARAM_INVALID;
	CK_RV rv = mech_whole_begin(use, (struct bytes){ p->pContextData, p->ulContextDataLen }, &state);
	if (rv != CKR_OK || !*instance)
		return rv;
	state->params[0] = OSSL_PARAM_construct_utf8_string(PARAM_INSTANCE, (char *)(uintptr_t)instance, 0);
	state->params[1] = OSSL_PARAM_construct_octet_string(PARAM_CONTEXT, state->context, state->context_len);
	state->params[2] = OSSL_PARAM_construct_end();
	return CKR_OK;
}

const struct mechanism_ops mech_eddsa = { check, prepare, mech_whole_sign, mech_whole_verify, NULL, NULL };
