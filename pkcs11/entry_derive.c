/* Entry point: C_DeriveKey, PKCS #11 2.40, 5.14. */
#include "pkcs11/ckr.h"
#include "pkcs11/crypto_gate.h"
#include "pkcs11/key_template.h"
#include "pkcs11/mech_ec.h"
#include "pkcs11/object_attributes.h"
#include "pkcs11/process.h"

static CK_RV base_key(struct object *key, const struct mechanism *m, struct material **out)
{
	if (!key || key->class == CKO_CERTIFICATE || key->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (key->hint != CK_UNAVAILABLE_INFORMATION && key->hint != m->key_type)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!object_attributes_usable(key->class, m->key_type, CKA_DERIVE))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	struct errmsg em;
	enum err e = object_content(key, out, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	if ((*out)->key_type != m->key_type)
		return CKR_KEY_TYPE_INCONSISTENT;
	return (*out)->bits < m->min_bits || (*out)->bits > m->max_bits ? CKR_KEY_SIZE_RANGE : CKR_OK;
}

/* Puts the key where its session's objects are, unless the session was closed meanwhile. */
static CK_RV keep(struct session *s, struct object *object, CK_OBJECT_HANDLE *out)
{
	object->owner = s->handle;
	CK_OBJECT_HANDLE handle = shelf_put(s->token->shelf, object);
	AUTO(session) *still = NULL;
	CK_RV rv = process_session(s->handle, &still);
	if (rv != CKR_OK || still != s) {
		shelf_remove(s->token->shelf, handle);
		return rv == CKR_OK ? CKR_SESSION_CLOSED : rv;
	}
	*out = handle;
	return CKR_OK;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *attributes,
		  CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	AUTO(session) *s = NULL;
	struct key_template t;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !out || (count && !attributes))
		return CKR_ARGUMENTS_BAD;
	const struct mechanism *m = mechanism_find(mechanism->mechanism);
	if (!m || !(m->flags & CKF_DERIVE))
		return CKR_MECHANISM_INVALID;
	rv = key_template_read(attributes, count, &t);
	if (rv != CKR_OK)
		return rv;
	AUTO(object) *base = token_object(s->token, key);
	AUTO(material) *material = NULL;
	rv = base_key(base, m, &material);
	if (rv != CKR_OK)
		return rv;
	struct secret *value = NULL;
	struct object *made = NULL;
	crypto_gate_enter();
	rv = mech_ec_derive(material, mechanism, t.value_len, &value);
	crypto_gate_leave();
	if (rv == CKR_OK)
		rv = key_template_make(&t, value, &made);
	return rv == CKR_OK ? keep(s, made, out) : rv;
}
