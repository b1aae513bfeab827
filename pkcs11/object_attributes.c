#include "pkcs11/object_attributes.h"

#include "pkcs11/ckr.h"
#include "pkcs11/object_rows.h"

bool object_attributes_usable(CK_OBJECT_CLASS class, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE usage)
{
	bool secret = class == CKO_SECRET_KEY, aes = secret && type == CKK_AES;
	bool rsa_private = class == CKO_PRIVATE_KEY && type == CKK_RSA;
	bool rsa_public = class == CKO_PUBLIC_KEY && type == CKK_RSA;
	switch (usage) {
	case CKA_SIGN:
		return class == CKO_PRIVATE_KEY || secret;
	case CKA_VERIFY:
		return class == CKO_PUBLIC_KEY || secret;
	case CKA_DECRYPT:
	case CKA_UNWRAP:
		return rsa_private || aes;
	case CKA_ENCRYPT:
	case CKA_WRAP:
		return rsa_public || aes;
	case CKA_DERIVE:
		return (class == CKO_PRIVATE_KEY && (type == CKK_EC || type == CKK_EC_MONTGOMERY)) ||
		       (secret && (type == CKK_GENERIC_SECRET || type == CKK_HKDF));
	case CKA_SIGN_RECOVER:
		return rsa_private;
	case CKA_VERIFY_RECOVER:
		return rsa_public;
	case CKA_ENCAPSULATE:
		return class == CKO_PUBLIC_KEY && type == CKK_ML_KEM;
	case CKA_DECAPSULATE:
		return class == CKO_PRIVATE_KEY && type == CKK_ML_KEM;
	default:
		return false;
	}
}

/* What must not be read out: private parts and secret values, and what is a key behind a data object's name. */
static bool is_guarded(const struct object *o, const struct object_row *row)
{
	if (object_row_is_private_part(row) || (object_row_is_raw(row) && o->class == CKO_SECRET_KEY))
		return o->sensitive || !o->extractable;
	return object_row_is_raw(row) && o->class == CKO_DATA && !o->extractable && o->content &&
	       source_is_key(o->content);
}

/* The type of a key as far as it is known. */
static CK_KEY_TYPE known_type(const struct object *o, const struct material *m)
{
	if (o->hint != CK_UNAVAILABLE_INFORMATION)
		return o->hint;
	if (m && m->key)
		return m->key_type;
	if (m && m->raw && o->class == CKO_SECRET_KEY) {
		size_t len = secret_len(m->raw);
		return len == 16 || len == 24 || len == 32 ? CKK_AES : CKK_GENERIC_SECRET;
	}
	return CK_UNAVAILABLE_INFORMATION;
}

/* Loads what the row needs into *held, unless it is there. */
static enum err load_for(struct object *o, enum object_need need, struct material **held, struct errmsg *em)
{
	if (need == NEED_NOTHING || (need == NEED_TYPE && o->hint != CK_UNAVAILABLE_INFORMATION))
		return OK;
	if (*held && (need != NEED_CONTENT || o->own || (*held)->private_key || o->class != CKO_PRIVATE_KEY))
		return OK;
	material_free(*held);
	*held = NULL;
	bool pair = o->class == CKO_PRIVATE_KEY || o->class == CKO_PUBLIC_KEY;
	return need == NEED_CONTENT || !pair ? object_content(o, held, em) : object_public(o, held, em);
}

static bool get_value(const struct object *o, const struct object_row *row, const struct material *m,
		      struct object_value *to)
{
	struct object_view view = { o, m, known_type(o, m) };
	if (row->key_type != CK_UNAVAILABLE_INFORMATION && row->key_type != view.key_type)
		return false;
	return row->get(&view, row, to);
}

static CK_RV hand_out(CK_ATTRIBUTE *a, struct bytes bytes)
{
	if (!a->pValue) {
		a->ulValueLen = bytes.len;
		return CKR_OK;
	}
	if (a->ulValueLen < bytes.len) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	if (bytes.len)
		memcpy(a->pValue, bytes.data, bytes.len);
	a->ulValueLen = bytes.len;
	return CKR_OK;
}

static CK_RV get_one(struct object *o, CK_ATTRIBUTE *a, struct material **held)
{
	const struct object_row *row = object_row_find(o->class, a->type);
	CK_RV rv = CKR_ATTRIBUTE_TYPE_INVALID;
	const struct attribute_list *list = row ? object_row_list(row, o) : NULL;
	if (list)
		return attribute_list_hand_out(list, a);
	if (row && is_guarded(o, row)) {
		rv = CKR_ATTRIBUTE_SENSITIVE;
	} else if (row) {
		struct errmsg em;
		enum err e = load_for(o, row->need, held, &em);
		if (e != OK) {
			a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
			return ckr_from_err(e, CKR_CALL_OBJECT, &em);
		}
		struct object_value value = { .secret = NULL };
		/* A private key that was stored where data was expected stays in. */
		if (object_row_is_raw(row) && *held && (*held)->private_key)
			rv = CKR_ATTRIBUTE_SENSITIVE;
		else if (get_value(o, row, *held, &value))
			rv = hand_out(a, value.bytes);
		secret_free(value.secret);
	}
	if (rv != CKR_OK)
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return rv;
}

static bool goes_on(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
	       rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV object_attributes_get(struct object *o, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(material) *held = NULL;
	CK_RV result = CKR_OK;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = get_one(o, &attributes[i], &held);
		if (rv != CKR_OK && (result == CKR_OK || !goes_on(rv)))
			result = rv;
		if (goes_on(rv))
			continue;
		for (i++; i < count; i++)
			attributes[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
	}
	return result;
}

struct bytes object_attributes_bare_point(struct bytes point)
{
	const uint8_t *der = point.data;
	if (point.len > 2 && der[0] == 0x04 && der[1] < 0x80 && der[1] == point.len - 2)
		return (struct bytes){ der + 2, point.len - 2 };
	if (point.len > 3 && der[0] == 0x04 && der[1] == 0x81 && der[2] == point.len - 3)
		return (struct bytes){ der + 3, point.len - 3 };
	return point;
}

/* Some leave the OCTET STRING around a point out. */
static bool same_value(const CK_ATTRIBUTE *a, struct bytes value)
{
	struct bytes wanted = { a->pValue, a->ulValueLen };
	if (bytes_equal(wanted, value))
		return true;
	return a->type == CKA_EC_POINT && wanted.len && bytes_equal(wanted, object_attributes_bare_point(value));
}

static bool match_one(struct object *o, const CK_ATTRIBUTE *a, struct material **known)
{
	const struct object_row *row = object_row_find(o->class, a->type);
	if (!row || is_guarded(o, row) || object_row_is_private_part(row))
		return false;
	bool needs = row->need != NEED_NOTHING && !(row->need == NEED_TYPE && o->hint != CK_UNAVAILABLE_INFORMATION);
	if (needs && !*known)
		*known = object_public_known(o);
	if (needs && !*known)
		return false;
	struct object_value value = { .secret = NULL };
	if (!get_value(o, row, *known, &value))
		return false;
	return same_value(a, value.bytes);
}

bool object_attributes_match(struct object *o, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(material) *known = NULL;
	bool match = true;
	for (CK_ULONG i = 0; match && i < count; i++)
		match = match_one(o, &attributes[i], &known);
	return match;
}
