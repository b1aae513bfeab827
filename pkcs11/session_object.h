#pragma once
#include "pkcs11/attribute_list.h"
#include "pkcs11/object.h"
#include "pkcs11/template.h"

/* Objects that the application makes in a session: created, copied, generated, derived, unwrapped. */

/* What only they have. */
struct session_part {
	unsigned usages; /* enum usage */
	bool private, modifiable, copyable, destroyable;
	bool local, always_sensitive, never_extractable, wrap_with_trusted;
	CK_MECHANISM_TYPE made_by; /* CK_UNAVAILABLE_INFORMATION: not generated here */
	struct attribute_list wrap_template, unwrap_template, derive_template;
	struct buf subject, start_date, end_date, allowed, application, object_id;
};
void session_part_free(struct session_part *part);
AUTO_DEFINE(session_part)

/* The object that a template describes, with these contents, which are taken in any case. CKR_HOST_MEMORY. */
CK_RV session_object_new(const struct template *t, struct material *content, struct object **out);
/* The contents that C_CreateObject was given. CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID,
 * CKR_DOMAIN_PARAMS_INVALID, CKR_TEMPLATE_INCONSISTENT. out: a reference. */
CK_RV session_object_content(const struct template *t, struct material **out);
/* A copy with what the template changes; PKCS #11 2.40 4.1.2, 4.1.3. use: TEMPLATE_COPY or TEMPLATE_SET.
 * CKR_ATTRIBUTE_READ_ONLY where it would get weaker. */
CK_RV session_object_change(struct object *from, const struct template *t, enum template_use use, struct object **out);
/* Whether this object may be used so: `usage` is CKA_SIGN and its like; with a mechanism, whether that is allowed. */
bool object_may(const struct object *o, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE usage);
bool object_allows(const struct object *o, CK_MECHANISM_TYPE mechanism);
/* CKA_ALLOWED_MECHANISMS as it was given; empty: nothing is excluded. */
struct bytes object_allowed_mechanisms(const struct object *o);
/* CKA_WRAP_TEMPLATE of a key: whether this one may go under it. */
bool object_may_wrap(const struct object *with, struct object *what);
/* The application's template with what CKA_UNWRAP_TEMPLATE or CKA_DERIVE_TEMPLATE of a key (which may be NULL) adds.
 * CKR_TEMPLATE_INCONSISTENT. */
CK_RV object_merge_template(const struct object *key, CK_ATTRIBUTE_TYPE type, struct attribute_template given,
			    struct attribute_template *out);
