/* Entry points: new keys out of nothing. PKCS #11 2.40, 5.13. */
#include "common/crypto_gate.h"
#include "common/openssl_errors.h"
#include "pkcs11/mech_generate.h"
#include "pkcs11/new_object.h"
#include "pkcs11/process.h"

static CK_RV check_mechanism(const CK_MECHANISM *mechanism, CK_FLAGS flag)
{
	if (mechanism->ulParameterLen && !mechanism->pParameter)
		return CKR_ARGUMENTS_BAD;
	const struct mechanism *m = mechanism_find(mechanism->mechanism);
	return m && m->flags & flag ? CKR_OK : CKR_MECHANISM_INVALID;
}

static struct new_origin made_here(const CK_MECHANISM *mechanism)
{
	return (struct new_origin){ true, true, true, mechanism->mechanism };
}

static CK_RV generate(const CK_MECHANISM *mechanism, struct template *t, struct object **out)
{
	struct secret *value = NULL;
	struct new_origin origin = made_here(mechanism);
	CK_RV rv = mech_generate_secret(mechanism, t, &value);
	return rv == CKR_OK ? new_object_of_secret(t, value, &origin, out) : rv;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *attributes, CK_ULONG count,
		    CK_OBJECT_HANDLE *key)
{
	AUTO(session) *s = NULL;
	struct template t;
	struct object *made = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !key || (count && !attributes))
		return CKR_ARGUMENTS_BAD;
	rv = check_mechanism(mechanism, CKF_GENERATE);
	if (rv == CKR_OK)
		rv = template_read(attributes, count, TEMPLATE_GENERATE, CKO_SECRET_KEY, &t);
	if (rv == CKR_OK)
		rv = template_check_token(attributes, count, s->flags & CKF_RW_SESSION);
	if (rv != CKR_OK)
		return rv;
	crypto_gate_enter();
	openssl_errors_keep();
	rv = generate(mechanism, &t, &made);
	openssl_errors_restore();
	crypto_gate_leave();
	return rv == CKR_OK ? new_object_keep(s, made, key) : rv;
}

struct pair {
	struct template public, private;
	struct object *public_object, *private_object;
};

static CK_RV generate_pair(const CK_MECHANISM *mechanism, struct pair *pair)
{
	AUTO_OF(EVP_PKEY) *key = NULL;
	AUTO_OF(EVP_PKEY) *half = NULL;
	struct new_origin origin = made_here(mechanism);
	CK_RV rv = mech_generate_pair(mechanism, &pair->public, &pair->private, &key);
	if (rv != CKR_OK)
		return rv;
	rv = new_object_of_key(&pair->private, key, &origin, &pair->private_object);
	if (rv != CKR_OK)
		return rv;
	/* The public object holds no private numbers. */
	struct bytes spki = buf_bytes(&pair->private_object->own->spki);
	if (key_public_parse(spki, &half, NULL) != OK)
		return CKR_FUNCTION_FAILED;
	return new_object_of_key(&pair->public, half, &origin, &pair->public_object);
}

static CK_RV keep_pair(struct session *s, struct pair *pair, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
	CK_OBJECT_HANDLE first = 0;
	CK_RV rv = new_object_keep(s, steal(&pair->public_object), &first);
	if (rv == CKR_OK)
		rv = new_object_keep(s, steal(&pair->private_object), private);
	if (rv == CKR_OK)
		*public = first;
	else if (first)
		shelf_remove(s->token->shelf, first);
	return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_template,
			CK_ULONG public_count, CK_ATTRIBUTE *private_template, CK_ULONG private_count,
			CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	AUTO(session) *s = NULL;
	struct pair pair = { .public_object = NULL };
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !public_key || !private_key || (public_count && !public_template) ||
	    (private_count && !private_template))
		return CKR_ARGUMENTS_BAD;
	rv = check_mechanism(mechanism, CKF_GENERATE_KEY_PAIR);
	if (rv == CKR_OK)
		rv = template_read(public_template, public_count, TEMPLATE_GENERATE, CKO_PUBLIC_KEY, &pair.public);
	if (rv == CKR_OK)
		rv = template_read(private_template, private_count, TEMPLATE_GENERATE, CKO_PRIVATE_KEY, &pair.private);
	if (rv == CKR_OK)
		rv = template_check_token(public_template, public_count, s->flags & CKF_RW_SESSION);
	if (rv == CKR_OK)
		rv = template_check_token(private_template, private_count, s->flags & CKF_RW_SESSION);
	if (rv != CKR_OK)
		return rv;
	crypto_gate_enter();
	openssl_errors_keep();
	rv = generate_pair(mechanism, &pair);
	openssl_errors_restore();
	crypto_gate_leave();
	if (rv == CKR_OK)
		rv = keep_pair(s, &pair, public_key, private_key);
	object_free(pair.public_object);
	object_free(pair.private_object);
	return rv;
}
