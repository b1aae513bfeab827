#pragma once
#include "common/bytes.h"
#include "pkcs11/cryptoki.h"

/* A template that is itself an attribute: CKA_WRAP_TEMPLATE and its like. Owns all of it. Zero-initialised = empty. */
#define ATTRIBUTE_LIST_MAX 32
struct attribute_list {
	CK_ATTRIBUTE *items;
	size_t count;
};

/* Whether bytes are an array of attributes, none of which is an array again. */
bool attribute_list_valid(struct bytes array);
/* A copy of such an array, in place of what is there. False: no memory. */
bool attribute_list_copy(struct attribute_list *to, struct bytes array);
void attribute_list_clear(struct attribute_list *list);
struct bytes attribute_list_array(const struct attribute_list *list);

/* The application's template with what the list adds, whose values stay the list's. CKR_TEMPLATE_INCONSISTENT: they
 * contradict each other. PKCS #11 2.40, 5.13, C_UnwrapKey. */
struct attribute_template {
	CK_ATTRIBUTE *items;
	CK_ULONG count;
};
void attribute_template_clear(struct attribute_template *merged);
#define AUTO_TEMPLATE __attribute__((cleanup(attribute_template_clear))) struct attribute_template
CK_RV attribute_list_merge(const struct attribute_list *list, struct attribute_template given,
			   struct attribute_template *out);
/* C_GetAttributeValue of the list as a whole: 5.7, for array attributes. */
CK_RV attribute_list_hand_out(const struct attribute_list *list, CK_ATTRIBUTE *to);
