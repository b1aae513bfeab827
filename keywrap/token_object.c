#include "keywrap/token_object.h"

static enum err objects_search(struct token_session *s, CK_ATTRIBUTE *template, CK_ULONG count,
			       CK_OBJECT_HANDLE found[2], CK_ULONG *found_count, struct errmsg *em)
{
	enum err e = token_session_check(s, s->functions->C_FindObjectsInit(s->handle, template, count),
					 "C_FindObjectsInit", em);
	if (e != OK)
		return e;
	*found_count = 0;
	/* Some modules give fewer than they are asked for: until there are no more. */
	while (e == OK && *found_count < 2) {
		CK_ULONG more = 0;
		CK_RV rv = s->functions->C_FindObjects(s->handle, found + *found_count, 2 - *found_count, &more);
		e = token_session_check(s, rv, "C_FindObjects", em);
		if (more == 0)
			break;
		*found_count += more;
	}
	CK_RV rv = s->functions->C_FindObjectsFinal(s->handle);
	return e == OK ? token_session_check(s, rv, "C_FindObjectsFinal", em) : e;
}

enum err token_object_find(struct token_session *s, struct token_object_want want, CK_OBJECT_HANDLE *out,
			   struct errmsg *em)
{
	static const CK_ATTRIBUTE_TYPE from_uri[] = { CKA_LABEL, CKA_ID };
	const char *kind = want.class == CKO_PRIVATE_KEY  ? "private key"
			   : want.class == CKO_PUBLIC_KEY ? "public key"
			   : want.class == CKO_SECRET_KEY ? "secret key"
							  : "data object";
	CK_ATTRIBUTE template[3] = { { CKA_CLASS, &want.class, sizeof(want.class) } };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count = 1;
	CK_ULONG found_count = 0;
	for (size_t i = 0; i < ARRAY_LEN(from_uri); i++) {
		const CK_ATTRIBUTE *a = p11_kit_uri_get_attribute(want.ref->uri, from_uri[i]);
		if (a)
			template[count++] = *a;
	}
	enum err e = objects_search(s, template, count, found, &found_count, em);
	if (e != OK)
		return e;
	if (found_count == 0)
		return err_set(em, ERR_KEY, "the token has no such %s", kind);
	if (found_count > 1)
		return err_set(em, ERR_KEY, "several %ss match: say which with object= and id=", kind);
	*out = found[0];
	return OK;
}

enum err token_object_attribute(struct token_session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
				struct token_attribute *out, struct errmsg *em)
{
	CK_ATTRIBUTE attribute = { type, out->data, sizeof(out->data) };
	out->len = 0;
	CK_RV rv = s->functions->C_GetAttributeValue(s->handle, object, &attribute, 1);
	enum err e = token_session_check(s, rv, "C_GetAttributeValue", em);
	if (e != OK)
		return e;
	if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen > sizeof(out->data))
		return err_set(em, ERR_PROTO, "C_GetAttributeValue: no value for attribute 0x%lx", type);
	out->len = attribute.ulValueLen;
	return OK;
}
