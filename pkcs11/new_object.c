#include "pkcs11/new_object.h"

#include "pkcs11/mechanism.h"
#include "pkcs11/process.h"

#define SECRET_MAX 4096

bool new_object_is_secret_type(CK_KEY_TYPE type)
{
	return type == CKK_AES || type == CKK_GENERIC_SECRET || type == CKK_HKDF || mechanism_hmac_hash(type);
}

bool new_object_length_good(CK_KEY_TYPE type, size_t len)
{
	if (type == CKK_AES)
		return len == 16 || len == 24 || len == 32;
	return len >= 1 && len <= SECRET_MAX;
}

static CK_RV finish(const struct template *t, struct material *content, const struct new_origin *origin,
		    struct object **out)
{
	CK_RV rv = session_object_new(t, content, out);
	if (rv != CKR_OK)
		return rv;
	struct object *o = *out;
	bool secret = o->class != CKO_PUBLIC_KEY;
	o->session->local = origin->local;
	o->session->made_by = origin->made_by;
	o->session->always_sensitive = secret && origin->always_sensitive && o->sensitive;
	o->session->never_extractable = secret && origin->never_extractable && !o->extractable;
	return CKR_OK;
}

CK_RV new_object_of_secret(const struct template *t, struct secret *value, const struct new_origin *origin,
			   struct object **out)
{
	struct material *content = NULL;
	if (material_from_secret(value, &content, NULL) != OK)
		return CKR_HOST_MEMORY;
	return finish(t, content, origin, out);
}

CK_RV new_object_of_key(const struct template *t, EVP_PKEY *key, const struct new_origin *origin, struct object **out)
{
	struct material *content = NULL;
	if (material_from_key(key, t->class == CKO_PRIVATE_KEY, &content, NULL) != OK)
		return CKR_FUNCTION_FAILED;
	return finish(t, content, origin, out);
}

CK_RV new_object_keep(struct session *s, struct object *object, CK_OBJECT_HANDLE *out)
{
	if (object_is_private(object) && !token_shows_private(s->token)) {
		object_free(object);
		return CKR_USER_NOT_LOGGED_IN;
	}
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
