/* Entry points: keys under other keys. PKCS #11 2.40, 5.13. */
#include "pkcs11/ckr.h"
#include "common/crypto_gate.h"
#include "common/openssl_errors.h"
#include "pkcs11/key_export.h"
#include "pkcs11/new_object.h"
#include "pkcs11/process.h"

/* The key that wraps or unwraps, ready to. */
struct wrapper {
	const struct mechanism *mechanism;
	const CK_MECHANISM *from;
	struct mechanism_use use;
};

/* The codes of a key that does not fit differ from those of other calls. */
static CK_RV wrapper_code(enum operation_kind kind, CK_RV rv)
{
	bool wraps = kind == OP_ENCRYPT;
	switch (rv) {
	case CKR_KEY_HANDLE_INVALID:
		return wraps ? CKR_WRAPPING_KEY_HANDLE_INVALID : CKR_UNWRAPPING_KEY_HANDLE_INVALID;
	case CKR_KEY_TYPE_INCONSISTENT:
		return wraps ? CKR_WRAPPING_KEY_TYPE_INCONSISTENT : CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT;
	case CKR_KEY_SIZE_RANGE:
		return wraps ? CKR_WRAPPING_KEY_SIZE_RANGE : CKR_UNWRAPPING_KEY_SIZE_RANGE;
	case CKR_ENCRYPTED_DATA_INVALID:
		return CKR_WRAPPED_KEY_INVALID;
	case CKR_ENCRYPTED_DATA_LEN_RANGE:
		return CKR_WRAPPED_KEY_LEN_RANGE;
	case CKR_DATA_LEN_RANGE: /* the key does not go into this one */
		return CKR_KEY_SIZE_RANGE;
	default:
		return rv;
	}
}

static CK_RV check_mechanism(enum operation_kind kind, const CK_MECHANISM *from, struct wrapper *w)
{
	w->from = from;
	w->use.kind = kind;
	if (from->ulParameterLen && !from->pParameter)
		return CKR_ARGUMENTS_BAD;
	w->mechanism = mechanism_find(from->mechanism);
	if (!w->mechanism || !(w->mechanism->flags & (kind == OP_ENCRYPT ? CKF_WRAP : CKF_UNWRAP)))
		return CKR_MECHANISM_INVALID;
	return w->mechanism->ops->check(w->mechanism, from, &w->use.params);
}

/* Fetches the key where that is due. */
static CK_RV check_key(struct wrapper *w, struct object *key)
{
	const struct mechanism *m = w->mechanism;
	bool wraps = w->use.kind == OP_ENCRYPT;
	if (!key || key->class == CKO_CERTIFICATE || key->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (!mechanism_takes(m, key->hint) || mechanism_is_symmetric(m) != (key->class == CKO_SECRET_KEY))
		return CKR_KEY_TYPE_INCONSISTENT;
	if ((key->class == CKO_PUBLIC_KEY && !wraps) || (key->class == CKO_PRIVATE_KEY && wraps) ||
	    !object_may(key, m->key_type, wraps ? CKA_WRAP : CKA_UNWRAP))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (!object_allows(key, m->type))
		return CKR_MECHANISM_INVALID;
	struct errmsg em;
	enum err e = key->class == CKO_PUBLIC_KEY ? object_public(key, &w->use.material, &em)
						  : object_content(key, &w->use.material, &em);
	return e == OK ? mechanism_check_material(m, w->use.material) : ckr_from_err(e, CKR_CALL_KEY, &em);
}

/* The bytes of the key that is to be wrapped. */
static CK_RV export(const struct wrapper *w, struct object *key, struct secret **out)
{
	if (!key)
		return CKR_KEY_HANDLE_INVALID;
	bool private = key->class == CKO_PRIVATE_KEY;
	if (key->class != CKO_SECRET_KEY && !(private && mechanism_wraps_private(w->mechanism)))
		return CKR_KEY_NOT_WRAPPABLE;
	if (!key->extractable)
		return CKR_KEY_UNEXTRACTABLE;
	if (key->session && key->session->wrap_with_trusted)
		return CKR_KEY_NOT_WRAPPABLE; /* no key here is a trusted one */
	struct errmsg em;
	AUTO(material) *m = NULL;
	enum err e = object_content(key, &m, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	crypto_gate_enter();
	e = private ? key_export_pkcs8(m->key, out, &em) : secret_copy(secret_bytes(m->raw), out, &em);
	crypto_gate_leave();
	return e == OK ? CKR_OK : ckr_from_err(e, CKR_CALL_KEY, &em);
}

static CK_ULONG size_of(const struct wrapper *w, CK_ULONG in_len)
{
	const struct mechanism_stream *stream = w->mechanism->ops->stream;
	return stream ? stream->whole_size(&w->use, in_len) : w->use.out_max;
}

static CK_RV wrap(struct wrapper *w, struct bytes key, CK_BYTE *to, CK_ULONG *len)
{
	CK_RV rv = w->mechanism->ops->prepare(w->mechanism, w->from, &w->use);
	if (rv != CKR_OK)
		return rv;
	CK_ULONG need = size_of(w, key.len), room = *len;
	*len = need;
	if (!to)
		return CKR_OK;
	if (room < need)
		return CKR_BUFFER_TOO_SMALL;
	return w->mechanism->ops->run(w->mechanism, &w->use, key, to, len);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
		CK_BYTE *wrapped, CK_ULONG *wrapped_len)
{
	AUTO(session) *s = NULL;
	AUTO(secret) *bytes = NULL;
	struct wrapper w = { .mechanism = NULL };
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !wrapped_len)
		return CKR_ARGUMENTS_BAD;
	AUTO(object) *with = token_object(s->token, wrapping_key);
	AUTO(object) *what = token_object(s->token, key);
	openssl_errors_keep();
	rv = check_mechanism(OP_ENCRYPT, mechanism, &w);
	if (rv == CKR_OK)
		rv = wrapper_code(OP_ENCRYPT, check_key(&w, with));
	if (rv == CKR_OK)
		rv = what && !object_may_wrap(with, what) ? CKR_KEY_HANDLE_INVALID : export(&w, what, &bytes);
	if (rv == CKR_OK) {
		crypto_gate_enter();
		rv = wrapper_code(OP_ENCRYPT, wrap(&w, secret_bytes(bytes), wrapped, wrapped_len));
		crypto_gate_leave();
	}
	mechanism_use_clear(&w.use);
	openssl_errors_restore();
	return rv;
}

static CK_RV unwrap(struct wrapper *w, struct bytes wrapped, struct secret **out)
{
	AUTO(secret) *bytes = NULL;
	CK_RV rv = w->mechanism->ops->prepare(w->mechanism, w->from, &w->use);
	if (rv != CKR_OK)
		return rv;
	CK_ULONG len = size_of(w, wrapped.len);
	if (secret_new(len + 16, &bytes, NULL) != OK)
		return CKR_HOST_MEMORY;
	rv = w->mechanism->ops->run(w->mechanism, &w->use, wrapped, secret_data(bytes), &len);
	if (rv != CKR_OK)
		return rv;
	secret_truncate(bytes, len);
	*out = steal(&bytes);
	return CKR_OK;
}

static CK_RV make_secret(const struct template *t, struct secret *bytes, struct object **out)
{
	struct new_origin origin = { .made_by = CK_UNAVAILABLE_INFORMATION };
	CK_ULONG len = secret_len(bytes);
	CK_RV rv = CKR_OK;
	if (!new_object_length_good(t->key_type, len))
		rv = CKR_WRAPPED_KEY_INVALID;
	else if (template_has(t, CKA_VALUE_LEN) && t->value_len != len)
		rv = CKR_TEMPLATE_INCONSISTENT;
	if (rv == CKR_OK)
		return new_object_of_secret(t, bytes, &origin, out);
	secret_free(bytes);
	return rv;
}

static CK_RV make_private(const struct template *t, struct secret *bytes, struct object **out)
{
	struct new_origin origin = { .made_by = CK_UNAVAILABLE_INFORMATION };
	AUTO_OF(EVP_PKEY) *key = NULL;
	enum err e = key_private_parse(secret_bytes(bytes), NULL, &key, NULL);
	secret_free(bytes);
	if (e != OK)
		return CKR_WRAPPED_KEY_INVALID;
	CK_RV rv = new_object_of_key(t, key, &origin, out);
	if (rv != CKR_OK)
		return CKR_WRAPPED_KEY_INVALID;
	if ((*out)->own->key_type == t->key_type)
		return CKR_OK;
	object_free(*out);
	return CKR_WRAPPED_KEY_INVALID;
}

static CK_RV read_template(const CK_ATTRIBUTE *attributes, CK_ULONG count, bool rw, struct template *t)
{
	CK_RV rv = template_check_token(attributes, count, rw);
	if (rv == CKR_OK)
		rv = template_read(attributes, count, TEMPLATE_UNWRAP, CK_UNAVAILABLE_INFORMATION, t);
	if (rv != CKR_OK)
		return rv;
	if (t->key_type == CK_UNAVAILABLE_INFORMATION)
		return CKR_TEMPLATE_INCOMPLETE;
	bool secret = t->class == CKO_SECRET_KEY && new_object_is_secret_type(t->key_type);
	return secret || (t->class == CKO_PRIVATE_KEY && !new_object_is_secret_type(t->key_type))
		       ? CKR_OK
		       : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV unwrap_object(struct wrapper *w, struct bytes wrapped, const struct template *t, struct object **out)
{
	struct secret *bytes = NULL;
	if (t->class == CKO_PRIVATE_KEY && !mechanism_wraps_private(w->mechanism))
		return CKR_TEMPLATE_INCONSISTENT; /* a private key is longer than what goes into RSA */
	CK_RV rv = unwrap(w, wrapped, &bytes);
	if (rv != CKR_OK)
		return wrapper_code(OP_DECRYPT, rv);
	return t->class == CKO_SECRET_KEY ? make_secret(t, bytes, out) : make_private(t, bytes, out);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped,
		  CK_ULONG wrapped_len, CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	AUTO(session) *s = NULL;
	struct wrapper w = { .mechanism = NULL };
	struct template t;
	AUTO_TEMPLATE all = { NULL, 0 };
	struct object *made = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism || !key || !wrapped || (count && !attributes))
		return CKR_ARGUMENTS_BAD;
	AUTO(object) *with = token_object(s->token, unwrapping_key);
	openssl_errors_keep();
	rv = check_mechanism(OP_DECRYPT, mechanism, &w);
	if (rv == CKR_OK)
		rv = object_merge_template(with, CKA_UNWRAP_TEMPLATE, (struct attribute_template){ attributes, count },
					   &all);
	if (rv == CKR_OK)
		rv = read_template(all.items, all.count, s->flags & CKF_RW_SESSION, &t);
	if (rv == CKR_OK)
		rv = wrapper_code(OP_DECRYPT, check_key(&w, with));
	if (rv == CKR_OK) {
		crypto_gate_enter();
		rv = unwrap_object(&w, (struct bytes){ wrapped, wrapped_len }, &t, &made);
		crypto_gate_leave();
	}
	mechanism_use_clear(&w.use);
	openssl_errors_restore();
	return rv == CKR_OK ? new_object_keep(s, made, key) : rv;
}
