/* ML-DSA and SLH-DSA, PKCS #11 3.2, FIPS 204 and 205: of the message, of a digest that is handed in (CKM_HASH_ML_DSA,
 * CKM_HASH_SLH_DSA), and of one that is made here. */
#include "pkcs11/mech_whole.h"

/* Names that OpenSSL 3.0 has no macros for. */
#define PARAM_CONTEXT "context-string"
#define PARAM_DETERMINISTIC "deterministic"
#define PARAM_ENCODING "message-encoding"

/* Where the mechanism does not name a hash the parameter must. */
static bool is_of_digest(const struct mechanism *m)
{
	return m->type == CKM_HASH_ML_DSA || m->type == CKM_HASH_SLH_DSA;
}

/* Those of 128 bits of strength at least: FIPS 204 5.4.1. */
static bool hash_good(CK_MECHANISM_TYPE hash)
{
	return hash == CKM_SHA256 || hash == CKM_SHA384 || hash == CKM_SHA512 || hash == CKM_SHA3_256 ||
	       hash == CKM_SHA3_384 || hash == CKM_SHA3_512;
}

static CK_RV check(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_params *to)
{
	bool of_digest = is_of_digest(m);
	const CK_SIGN_ADDITIONAL_CONTEXT *p = from->pParameter;
	CK_ULONG wanted = of_digest ? sizeof(CK_HASH_SIGN_ADDITIONAL_CONTEXT) : sizeof(*p);
	to->unique = 1;
	if (!from->ulParameterLen && !of_digest)
		return CKR_OK;
	if (!p || from->ulParameterLen != wanted || p->hedgeVariant > CKH_DETERMINISTIC_REQUIRED ||
	    p->ulContextLen > WHOLE_CONTEXT_MAX || (p->ulContextLen && !p->pContext))
		return CKR_MECHANISM_PARAM_INVALID;
	/* Both structures begin alike. */
	return !of_digest || hash_good(((const CK_HASH_SIGN_ADDITIONAL_CONTEXT *)from->pParameter)->hash)
		       ? CKR_OK
		       : CKR_MECHANISM_PARAM_INVALID;
}

/* What check() found good. */
static CK_MECHANISM_TYPE hash_of(const struct mechanism *m, const CK_MECHANISM *from)
{
	if (is_of_digest(m) && from->pParameter)
		return ((const CK_HASH_SIGN_ADDITIONAL_CONTEXT *)from->pParameter)->hash;
	return m->hash ? mechanism_hash_type(m->hash) : 0;
}

static CK_RV prepare(const struct mechanism *m, const CK_MECHANISM *from, struct mechanism_use *use)
{
	const CK_SIGN_ADDITIONAL_CONTEXT *p = from->ulParameterLen ? from->pParameter : NULL;
	struct bytes context = { NULL, 0 };
	struct whole_state *state = NULL;
	size_t n = 0;
	if (p)
		context = (struct bytes){ p->pContext, p->ulContextLen };
	use->out_max = (CK_ULONG)EVP_PKEY_get_size(use->material->key);
	CK_RV rv = mech_whole_begin(use, context, &state);
	if (rv != CKR_OK)
		return rv;
	state->hash = hash_of(m, from);
	state->deterministic = p && p->hedgeVariant == CKH_DETERMINISTIC_REQUIRED;
	if (use->kind == OP_SIGN)
		state->params[n++] = OSSL_PARAM_construct_int(PARAM_DETERMINISTIC, &state->deterministic);
	if (state->hash) /* 0: the message comes with all that goes before it */
		state->params[n++] = OSSL_PARAM_construct_int(PARAM_ENCODING, &state->encoding);
	else if (state->context_len)
		state->params[n++] =
			OSSL_PARAM_construct_octet_string(PARAM_CONTEXT, state->context, state->context_len);
	state->params[n] = OSSL_PARAM_construct_end();
	return CKR_OK;
}

const struct mechanism_ops mech_pqc = { check, prepare, mech_whole_sign, mech_whole_verify, NULL, NULL };
