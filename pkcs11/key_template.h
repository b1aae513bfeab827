#pragma once
#include "pkcs11/object.h"

/* A template for a new secret key, checked: what C_DeriveKey (and later its relatives) was asked to make. */
struct key_template {
	CK_KEY_TYPE key_type;
	CK_ULONG value_len; /* 0: as long as it comes */
	bool sensitive;
	bool extractable;
	struct bytes label, id; /* borrowed from the caller's attributes */
};

/* CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY;
 * CKR_TOKEN_WRITE_PROTECTED where a token object is asked for. */
CK_RV key_template_read(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct key_template *out);
/* The session object of it. Takes `value` in any case. */
CK_RV key_template_make(const struct key_template *t, struct secret *value, struct object **out);
