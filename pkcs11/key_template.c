#include "pkcs11/key_template.h"

#include "pkcs11/ckr.h"

static CK_RV take_flag(const CK_ATTRIBUTE *a, bool *to)
{
	if (a->ulValueLen != sizeof(CK_BBOOL) || !a->pValue)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*to = *(const CK_BBOOL *)a->pValue != CK_FALSE;
	return CKR_OK;
}

static CK_RV take_number(const CK_ATTRIBUTE *a, CK_ULONG *to)
{
	if (a->ulValueLen != sizeof(*to) || !a->pValue)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	memcpy(to, a->pValue, sizeof(*to));
	return CKR_OK;
}

static CK_RV take_bytes(const CK_ATTRIBUTE *a, size_t max, struct bytes *to)
{
	if (a->ulValueLen > max || (a->ulValueLen && !a->pValue))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*to = (struct bytes){ a->pValue, a->ulValueLen };
	return CKR_OK;
}

static CK_RV take_one(const CK_ATTRIBUTE *a, struct key_template *t)
{
	CK_ULONG number = 0;
	bool flag = false;
	CK_RV rv;
	switch (a->type) {
	case CKA_CLASS:
		rv = take_number(a, &number);
		return rv == CKR_OK && number != CKO_SECRET_KEY ? CKR_TEMPLATE_INCONSISTENT : rv;
	case CKA_KEY_TYPE:
		rv = take_number(a, &t->key_type);
		return rv == CKR_OK && t->key_type != CKK_GENERIC_SECRET && t->key_type != CKK_AES
			       ? CKR_TEMPLATE_INCONSISTENT
			       : rv;
	case CKA_VALUE_LEN:
		rv = take_number(a, &t->value_len);
		return rv == CKR_OK && (!t->value_len || t->value_len > 1024) ? CKR_ATTRIBUTE_VALUE_INVALID : rv;
	case CKA_TOKEN:
		rv = take_flag(a, &flag);
		return rv == CKR_OK && flag ? CKR_TOKEN_WRITE_PROTECTED : rv;
	case CKA_SENSITIVE:
		return take_flag(a, &t->sensitive);
	case CKA_EXTRACTABLE:
		return take_flag(a, &t->extractable);
	case CKA_LABEL:
		return take_bytes(a, ENTRY_LABEL_MAX, &t->label);
	case CKA_ID:
		return take_bytes(a, ENTRY_ID_MAX, &t->id);
	case CKA_VALUE:
		return CKR_TEMPLATE_INCONSISTENT;
	case CKA_LOCAL:
	case CKA_ALWAYS_SENSITIVE:
	case CKA_NEVER_EXTRACTABLE:
	case CKA_KEY_GEN_MECHANISM:
		return CKR_ATTRIBUTE_READ_ONLY;
	/* What it may be used for: accepted, and granted as far as there are mechanisms. */
	case CKA_PRIVATE:
	case CKA_MODIFIABLE:
	case CKA_COPYABLE:
	case CKA_DESTROYABLE:
	case CKA_DERIVE:
	case CKA_ENCRYPT:
	case CKA_DECRYPT:
	case CKA_SIGN:
	case CKA_VERIFY:
	case CKA_WRAP:
	case CKA_UNWRAP:
		return take_flag(a, &flag);
	default:
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
}

CK_RV key_template_read(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct key_template *out)
{
	*out = (struct key_template){ .key_type = CKK_GENERIC_SECRET, .sensitive = true };
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV rv = take_one(&attributes[i], out);
		if (rv != CKR_OK)
			return rv;
	}
	if (out->key_type == CKK_AES && out->value_len && out->value_len != 16 && out->value_len != 24 &&
	    out->value_len != 32)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return CKR_OK;
}

CK_RV key_template_make(const struct key_template *t, struct secret *value, struct object **out)
{
	struct errmsg em;
	AUTO(object) *o = calloc(1, sizeof(*o));
	size_t len = secret_len(value);
	if (!o || !(o->label = calloc(1, t->label.len + 1))) {
		secret_free(value);
		return CKR_HOST_MEMORY;
	}
	o->refs = 1;
	enum err e = material_from_secret(value, &o->own, &em);
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	if (t->key_type == CKK_AES && len != 16 && len != 24 && len != 32)
		return CKR_TEMPLATE_INCOMPLETE;
	if (t->label.len)
		memcpy(o->label, t->label.data, t->label.len);
	if (t->id.len)
		memcpy(o->id, t->id.data, t->id.len);
	o->label_len = t->label.len;
	o->id_len = t->id.len;
	o->class = CKO_SECRET_KEY;
	o->hint = t->key_type;
	o->session_object = true;
	o->sensitive = t->sensitive;
	o->extractable = t->extractable;
	*out = steal(&o);
	return CKR_OK;
}
