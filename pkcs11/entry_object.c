/* Entry points: objects. PKCS #11 2.40, 5.7. */
#include "common/crypto_gate.h"
#include "common/openssl_errors.h"
#include "pkcs11/new_object.h"
#include "pkcs11/object_attributes.h"
#include "pkcs11/process.h"

static CK_RV check_template(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	if (count && !attributes)
		return CKR_ARGUMENTS_BAD;
	for (CK_ULONG i = 0; i < count; i++)
		if (attributes[i].ulValueLen && !attributes[i].pValue)
			return CKR_ATTRIBUTE_VALUE_INVALID;
	return CKR_OK;
}

static CK_RV create(const struct template *t, struct object **out)
{
	struct material *content = NULL;
	crypto_gate_enter();
	openssl_errors_keep();
	CK_RV rv = session_object_content(t, &content);
	openssl_errors_restore();
	crypto_gate_leave();
	return rv == CKR_OK ? session_object_new(t, content, out) : rv;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
	AUTO(session) *s = NULL;
	struct template t;
	struct object *made = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!out || !attributes)
		return CKR_ARGUMENTS_BAD;
	rv = template_check_token(attributes, count, s->flags & CKF_RW_SESSION);
	if (rv == CKR_OK)
		rv = template_read(attributes, count, TEMPLATE_CREATE, CK_UNAVAILABLE_INFORMATION, &t);
	if (rv == CKR_OK)
		rv = create(&t, &made);
	return rv == CKR_OK ? new_object_keep(s, made, out) : rv;
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes, CK_ULONG count,
		   CK_OBJECT_HANDLE *out)
{
	AUTO(session) *s = NULL;
	struct template t;
	struct object *made = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!out || (count && !attributes))
		return CKR_ARGUMENTS_BAD;
	AUTO(object) *o = token_object(s->token, object);
	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	if (!o->session)
		return CKR_ACTION_PROHIBITED; /* CKA_COPYABLE is false */
	rv = template_read(attributes, count, TEMPLATE_COPY, o->class, &t);
	if (rv == CKR_OK)
		rv = template_check_token(attributes, count, s->flags & CKF_RW_SESSION);
	if (rv == CKR_OK)
		rv = session_object_change(o, &t, TEMPLATE_COPY, &made);
	return rv == CKR_OK ? new_object_keep(s, made, out) : rv;
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	AUTO(object) *o = token_object(s->token, object);
	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	if (!o->session)
		return s->flags & CKF_RW_SESSION ? CKR_TOKEN_WRITE_PROTECTED : CKR_SESSION_READ_ONLY;
	if (!o->session->destroyable)
		return CKR_ACTION_PROHIBITED;
	return shelf_remove(s->token->shelf, object) ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!size)
		return CKR_ARGUMENTS_BAD;
	AUTO(object) *o = token_object(s->token, object);
	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	*size = CK_UNAVAILABLE_INFORMATION;
	return CKR_OK;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!attributes || !count)
		return CKR_ARGUMENTS_BAD;
	AUTO(object) *o = token_object(s->token, object);
	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	openssl_errors_keep();
	rv = object_attributes_get(o, attributes, count);
	openssl_errors_restore();
	return rv;
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(session) *s = NULL;
	struct template t;
	struct object *changed = NULL;
	bool done = false;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!attributes || !count)
		return CKR_ARGUMENTS_BAD;
	/* Once more where another thread has changed it meanwhile. */
	do {
		AUTO(object) *o = token_object(s->token, object);
		if (!o)
			return CKR_OBJECT_HANDLE_INVALID;
		if (!o->session)
			return s->flags & CKF_RW_SESSION ? CKR_TOKEN_WRITE_PROTECTED : CKR_SESSION_READ_ONLY;
		rv = template_read(attributes, count, TEMPLATE_SET, o->class, &t);
		if (rv == CKR_OK)
			rv = session_object_change(o, &t, TEMPLATE_SET, &changed);
		if (rv != CKR_OK)
			return rv;
		done = shelf_replace(s->token->shelf, o, changed);
	} while (!done);
	return CKR_OK;
}

static bool is_searching(struct session *s)
{
	pthread_mutex_lock(&s->lock);
	bool searching = s->searching;
	pthread_mutex_unlock(&s->lock);
	return searching;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	rv = check_template(attributes, count);
	if (rv != CKR_OK)
		return rv;
	if (is_searching(s))
		return CKR_OPERATION_ACTIVE;
	struct handle_list found = { NULL, 0, 0 };
	openssl_errors_keep();
	rv = token_search(s->token, attributes, count, &found);
	openssl_errors_restore();
	pthread_mutex_lock(&s->lock);
	if (rv == CKR_OK && s->searching)
		rv = CKR_OPERATION_ACTIVE;
	if (rv == CKR_OK) {
		s->searching = true;
		s->found = found;
		s->found_next = 0;
		found.items = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	free(found.items);
	return rv;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!count || (max && !objects))
		return CKR_ARGUMENTS_BAD;
	pthread_mutex_lock(&s->lock);
	if (!s->searching)
		rv = CKR_OPERATION_NOT_INITIALIZED;
	CK_ULONG n = 0;
	while (rv == CKR_OK && n < max && s->found_next < s->found.count)
		objects[n++] = s->found.items[s->found_next++];
	if (rv == CKR_OK)
		*count = n;
	pthread_mutex_unlock(&s->lock);
	return rv;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&s->lock);
	if (!s->searching)
		rv = CKR_OPERATION_NOT_INITIALIZED;
	s->searching = false;
	free(s->found.items);
	memset(&s->found, 0, sizeof(s->found));
	pthread_mutex_unlock(&s->lock);
	return rv;
}
