/* Entry point: C_DeriveKey, PKCS #11 2.40, 5.14. */
#include "pkcs11/ckr.h"
#include "common/crypto_gate.h"
#include "common/openssl_errors.h"
#include "pkcs11/mech_ec.h"
#include "pkcs11/mech_kdf.h"
#include "pkcs11/new_object.h"
#include "pkcs11/process.h"

static CK_RV base_key(struct object *key, const struct mechanism *m, struct material **out)
{
	if (!key || key->class == CKO_CERTIFICATE || key->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (!mechanism_takes(m, key->hint) || mechanism_is_symmetric(m) != (key->class == CKO_SECRET_KEY))
		return CKR_KEY_TYPE_INCONSISTENT;
	if (key->class == CKO_PUBLIC_KEY || !object_may(key, m->key_type, CKA_DERIVE))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (!object_allows(key, m->type))
		return CKR_MECHANISM_INVALID;
	struct errmsg em;
	enum err e = object_content(key, out, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	return mechanism_check_material(m, *out);
}

/* What the derived key is to be, as far as the template has it. */
static CK_RV read_template(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_CLASS class, struct template *t)
{
	CK_RV rv = template_read(attributes, count, TEMPLATE_DERIVE, class, t);
	if (rv != CKR_OK || class == CKO_DATA)
		return rv;
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		t->key_type = CKK_GENERIC_SECRET;
	if (!new_object_is_secret_type(t->key_type))
		return CKR_TEMPLATE_INCONSISTENT;
	if (template_has(t, CKA_VALUE_LEN) && !new_object_length_good(t->key_type, t->value_len))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return CKR_OK;
}

/* 2.40 mechanisms 2.3.8: a derived key was always sensitive if its base was. */
static struct new_origin origin_of(const struct object *base)
{
	return (struct new_origin){
		.always_sensitive = base->session ? base->session->always_sensitive : base->sensitive,
		.never_extractable = base->session ? base->session->never_extractable : !base->extractable,
		.made_by = CK_UNAVAILABLE_INFORMATION,
	};
}

/* What a derivation works on besides its base key. */
struct derivation {
	const CK_MECHANISM *mechanism;
	struct material *base, *salt; /* references */
	CK_ULONG length;
};

static bool is_hkdf(const CK_MECHANISM *mechanism)
{
	return mechanism->mechanism == CKM_HKDF_DERIVE || mechanism->mechanism == CKM_HKDF_DATA;
}

/* HKDF may take its salt from another key. */
static CK_RV find_salt(struct token *token, struct derivation *d)
{
	if (!is_hkdf(d->mechanism))
		return CKR_OK;
	CK_RV rv = mech_kdf_check(d->mechanism);
	const CK_HKDF_PARAMS *p = d->mechanism->pParameter;
	if (rv != CKR_OK || !p->bExtract || p->ulSaltType != CKF_HKDF_SALT_KEY)
		return rv;
	AUTO(object) *key = token_object(token, p->hSaltKey);
	if (!key || key->class != CKO_SECRET_KEY)
		return CKR_KEY_HANDLE_INVALID;
	return base_key(key, mechanism_find(CKM_HKDF_DERIVE), &d->salt);
}

static CK_RV run(const struct derivation *d, struct secret **out)
{
	if (!is_hkdf(d->mechanism))
		return mech_ec_derive(d->base, d->mechanism, d->length, out);
	struct bytes salt = { NULL, 0 };
	if (d->salt)
		salt = secret_bytes(d->salt->raw);
	return mech_kdf_hkdf(secret_bytes(d->base->raw), d->mechanism->pParameter, salt, d->length, out);
}

static CK_RV derive(struct token *token, struct derivation *d, struct secret **out)
{
	CK_RV rv = find_salt(token, d);
	if (rv == CKR_OK) {
		crypto_gate_enter();
		openssl_errors_keep();
		rv = run(d, out);
		openssl_errors_restore();
		crypto_gate_leave();
	}
	material_free(d->salt);
	return rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *attributes,
		  CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	AUTO(session) *s = NULL;
	struct template t;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !out || (count && !attributes) || (mechanism->ulParameterLen && !mechanism->pParameter))
		return CKR_ARGUMENTS_BAD;
	const struct mechanism *m = mechanism_find(mechanism->mechanism);
	if (!m || !(m->flags & CKF_DERIVE))
		return CKR_MECHANISM_INVALID;
	AUTO_TEMPLATE all = { NULL, 0 };
	AUTO(object) *base = token_object(s->token, key);
	rv = object_merge_template(base, CKA_DERIVE_TEMPLATE, (struct attribute_template){ attributes, count }, &all);
	if (rv == CKR_OK)
		rv = read_template(all.items, all.count, m->type == CKM_HKDF_DATA ? CKO_DATA : CKO_SECRET_KEY, &t);
	if (rv == CKR_OK)
		rv = template_check_token(all.items, all.count, s->flags & CKF_RW_SESSION);
	if (rv != CKR_OK)
		return rv;
	AUTO(material) *material = NULL;
	openssl_errors_keep();
	rv = base_key(base, m, &material);
	openssl_errors_restore();
	if (rv != CKR_OK)
		return rv;
	struct secret *value = NULL;
	struct object *made = NULL;
	struct new_origin origin = origin_of(base);
	struct derivation d = { mechanism, material, NULL, t.value_len };
	rv = derive(s->token, &d, &value);
	if (rv == CKR_OK && t.class == CKO_SECRET_KEY && !new_object_length_good(t.key_type, secret_len(value))) {
		secret_free(value);
		return CKR_TEMPLATE_INCOMPLETE;
	}
	if (rv == CKR_OK)
		rv = new_object_of_secret(&t, value, &origin, &made);
	return rv == CKR_OK ? new_object_keep(s, made, out) : rv;
}
