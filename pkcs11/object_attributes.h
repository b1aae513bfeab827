#pragma once
#include "pkcs11/object.h"

/* What attributes an object has and what they say: one const table. */

/* C_GetAttributeValue, PKCS #11 2.40 5.7. Fetches only for what neither the catalog nor a file knows. */
CK_RV object_attributes_get(struct object *o, CK_ATTRIBUTE *attributes, CK_ULONG count);

/* True if the object has every attribute of the template with just that value. Never fetches: what is not known
 * without the network does not match. */
bool object_attributes_match(struct object *o, const CK_ATTRIBUTE *attributes, CK_ULONG count);

/* Whether a key of this class and type may be used so: `usage` is CKA_SIGN, CKA_DECRYPT, ... */
bool object_attributes_usable(CK_OBJECT_CLASS class, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE usage);

/* A point as it is, out of the OCTET STRING that CKA_EC_POINT is; what is none comes back unchanged. */
struct bytes object_attributes_bare_point(struct bytes point);
