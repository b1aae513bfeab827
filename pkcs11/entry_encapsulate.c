/* Entry points of Cryptoki 3.2: keys by encapsulation (5.18.8, 5.18.9), and those of its other functions, which this
 * token does not do. Only where there is ML-KEM. */
#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "pkcs11/ckr.h"
#include "pkcs11/new_object.h"
#include "pkcs11/process.h"

#define SHARED_SECRET 32 /* FIPS 203 section 8 */

struct kem {
	const struct mechanism *mechanism;
	struct session *session;
	struct template template;
	struct material *material; /* a reference */
	struct new_origin origin;
};

static CK_RV check_call(struct kem *kem, const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	struct template *t = &kem->template;
	kem->mechanism = mechanism_find(mechanism->mechanism);
	if (!kem->mechanism || !(kem->mechanism->flags & CKF_ENCAPSULATE))
		return CKR_MECHANISM_INVALID;
	if (mechanism->ulParameterLen)
		return CKR_MECHANISM_PARAM_INVALID;
	CK_RV rv = template_read(attributes, count, TEMPLATE_DERIVE, CKO_SECRET_KEY, t);
	if (rv == CKR_OK)
		rv = template_check_token(attributes, count, kem->session->flags & CKF_RW_SESSION);
	if (rv != CKR_OK)
		return rv;
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		t->key_type = CKK_GENERIC_SECRET;
	bool fits = !template_has(t, CKA_VALUE_LEN) || t->value_len == SHARED_SECRET;
	return new_object_is_secret_type(t->key_type) && fits ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

/* Fetches the key where that is due. */
static CK_RV check_key(struct kem *kem, struct object *key, CK_OBJECT_CLASS class)
{
	const struct mechanism *m = kem->mechanism;
	bool private = class == CKO_PRIVATE_KEY;
	if (!key || key->class == CKO_CERTIFICATE || key->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (!mechanism_takes(m, key->hint) || key->class == CKO_SECRET_KEY)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (key->class != class || !object_may(key, m->key_type, private ? CKA_DECAPSULATE : CKA_ENCAPSULATE))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (!object_allows(key, m->type))
		return CKR_MECHANISM_INVALID;
	struct errmsg em;
	enum err e = private ? object_content(key, &kem->material, &em) : object_public(key, &kem->material, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	kem->origin = (struct new_origin){ .made_by = CK_UNAVAILABLE_INFORMATION };
	if (private) {
		kem->origin.always_sensitive = key->session ? key->session->always_sensitive : key->sensitive;
		kem->origin.never_extractable = key->session ? key->session->never_extractable : !key->extractable;
	}
	return mechanism_check_material(m, kem->material);
}

static CK_RV find_key(struct kem *kem, CK_OBJECT_HANDLE key, CK_OBJECT_CLASS class)
{
	AUTO(object) *o = token_object(kem->session->token, key);
	openssl_errors_keep();
	CK_RV rv = check_key(kem, o, class);
	openssl_errors_restore();
	return rv;
}

static CK_RV keep(struct kem *kem, struct secret *value, CK_OBJECT_HANDLE *out)
{
	struct object *made = NULL;
	CK_RV rv = new_object_of_secret(&kem->template, value, &kem->origin, &made);
	return rv == CKR_OK ? new_object_keep(kem->session, made, out) : rv;
}

static CK_RV encapsulate(const struct kem *kem, CK_BYTE *to, CK_ULONG *len, struct secret **out)
{
	AUTO(secret) *value = NULL;
	size_t need = 0, secret_size = SHARED_SECRET;
	CK_RV rv = CKR_FUNCTION_FAILED;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), kem->material->key, NULL);
	if (!ctx || secret_new(SHARED_SECRET, &value, NULL) != OK) {
		rv = CKR_HOST_MEMORY;
	} else if (EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
		   EVP_PKEY_encapsulate(ctx, NULL, &need, NULL, &secret_size) == 1 && secret_size == SHARED_SECRET) {
		bool fits = *len >= need;
		*len = need;
		if (!to)
			rv = CKR_OK;
		else if (!fits)
			rv = CKR_BUFFER_TOO_SMALL;
		else if (EVP_PKEY_encapsulate(ctx, to, &need, secret_data(value), &secret_size) == 1)
			rv = CKR_OK;
	}
	EVP_PKEY_CTX_free(ctx);
	if (rv == CKR_OK && to)
		*out = steal(&value);
	return rv;
}

/* FIPS 203 6.3: a cipher text that was tampered with gives a secret that nobody else has, and no error. */
static CK_RV decapsulate(const struct kem *kem, struct bytes in, struct secret **out)
{
	AUTO(secret) *value = NULL;
	size_t need = 0, len = SHARED_SECRET;
	CK_RV rv = CKR_FUNCTION_FAILED;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx(), kem->material->key, NULL);
	if (!ctx || secret_new(SHARED_SECRET, &value, NULL) != OK)
		rv = CKR_HOST_MEMORY;
	else if (EVP_PKEY_encapsulate_init(ctx, NULL) == 1 && EVP_PKEY_encapsulate(ctx, NULL, &need, NULL, &len) == 1 &&
		 in.len != need)
		rv = CKR_WRAPPED_KEY_LEN_RANGE;
	else if (EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
		 EVP_PKEY_decapsulate(ctx, secret_data(value), &len, in.data, in.len) == 1 && len == SHARED_SECRET)
		rv = CKR_OK;
	EVP_PKEY_CTX_free(ctx);
	if (rv == CKR_OK)
		*out = steal(&value);
	return rv;
}

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE public_key,
		       CK_ATTRIBUTE *attributes, CK_ULONG count, CK_BYTE *ciphertext, CK_ULONG *ciphertext_len,
		       CK_OBJECT_HANDLE *key)
{
	AUTO(session) *s = NULL;
	struct secret *value = NULL;
	CK_RV rv = process_session(session, &s);
	struct kem kem = { .session = s };
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !ciphertext_len || (ciphertext && !key) || (count && !attributes) ||
	    (mechanism->ulParameterLen && !mechanism->pParameter))
		return CKR_ARGUMENTS_BAD;
	rv = check_call(&kem, mechanism, attributes, count);
	if (rv == CKR_OK)
		rv = find_key(&kem, public_key, CKO_PUBLIC_KEY);
	if (rv == CKR_OK) {
		crypto_gate_enter();
		openssl_errors_keep();
		rv = encapsulate(&kem, ciphertext, ciphertext_len, &value);
		openssl_errors_restore();
		crypto_gate_leave();
	}
	material_free(kem.material);
	return rv == CKR_OK && value ? keep(&kem, value, key) : rv;
}

CK_RV C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE private_key,
		       CK_ATTRIBUTE *attributes, CK_ULONG count, CK_BYTE *ciphertext, CK_ULONG ciphertext_len,
		       CK_OBJECT_HANDLE *key)
{
	AUTO(session) *s = NULL;
	struct secret *value = NULL;
	CK_RV rv = process_session(session, &s);
	struct kem kem = { .session = s };
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !ciphertext || !key || (count && !attributes) ||
	    (mechanism->ulParameterLen && !mechanism->pParameter))
		return CKR_ARGUMENTS_BAD;
	rv = check_call(&kem, mechanism, attributes, count);
	if (rv == CKR_OK)
		rv = find_key(&kem, private_key, CKO_PRIVATE_KEY);
	if (rv == CKR_OK) {
		crypto_gate_enter();
		openssl_errors_keep();
		rv = decapsulate(&kem, (struct bytes){ ciphertext, ciphertext_len }, &value);
		openssl_errors_restore();
		crypto_gate_leave();
	}
	material_free(kem.material);
	return rv == CKR_OK ? keep(&kem, value, key) : rv;
}

/* --- what this token does not do ---------------------------------------------------------------------------------- */

static CK_RV unsupported(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	return rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv;
}

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
			    CK_BYTE *signature, CK_ULONG signature_len)
{
	(void)mechanism, (void)key, (void)signature, (void)signature_len;
	return unsupported(session);
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len)
{
	(void)data, (void)data_len;
	return unsupported(session);
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	(void)part, (void)part_len;
	return unsupported(session);
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE session)
{
	return unsupported(session);
}

CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE session, CK_ULONG type, CK_FLAGS *flags)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!flags || type != 1) /* CKS_LAST_VALIDATION_OK, the only type there is */
		return CKR_ARGUMENTS_BAD;
	*flags = 0; /* there are no validation objects */
	return CKR_OK;
}

CK_RV C_AsyncComplete(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, void *result)
{
	(void)function, (void)result;
	return unsupported(session);
}

CK_RV C_AsyncGetID(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG *id)
{
	(void)function, (void)id;
	return unsupported(session);
}

CK_RV C_AsyncJoin(CK_SESSION_HANDLE session, CK_UTF8CHAR *function, CK_ULONG id, CK_BYTE *data, CK_ULONG data_len)
{
	(void)function, (void)id, (void)data, (void)data_len;
	return unsupported(session);
}

CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping_key,
			     CK_OBJECT_HANDLE key, CK_BYTE *aad, CK_ULONG aad_len, CK_BYTE *wrapped,
			     CK_ULONG *wrapped_len)
{
	(void)mechanism, (void)wrapping_key, (void)key, (void)aad, (void)aad_len, (void)wrapped, (void)wrapped_len;
	return unsupported(session);
}

CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping_key,
			       CK_BYTE *wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE *attributes, CK_ULONG count,
			       CK_BYTE *aad, CK_ULONG aad_len, CK_OBJECT_HANDLE *key)
{
	(void)mechanism, (void)unwrapping_key, (void)wrapped, (void)wrapped_len, (void)attributes, (void)count;
	(void)aad, (void)aad_len, (void)key;
	return unsupported(session);
}
