#pragma once
#include "pkcs11/session.h"
#include "pkcs11/session_object.h"

/* Where keys that were made here come from. */
struct new_origin {
	bool local; /* made here and nowhere else */
	bool always_sensitive, never_extractable; /* as far as what it came from was so */
	CK_MECHANISM_TYPE made_by;
};

/* Makes the object of a secret; takes `value` in any case. */
CK_RV new_object_of_secret(const struct template *t, struct secret *value, const struct new_origin *origin,
			   struct object **out);
CK_RV new_object_of_key(const struct template *t, EVP_PKEY *key, const struct new_origin *origin, struct object **out);
/* Puts it where its session's objects are, unless that was closed meanwhile; takes the reference. */
CK_RV new_object_keep(struct session *s, struct object *object, CK_OBJECT_HANDLE *out);
/* Key types of which bytes can be a key, and whether so many can. */
bool new_object_is_secret_type(CK_KEY_TYPE type);
bool new_object_length_good(CK_KEY_TYPE type, size_t len);
