/* Object management: PKCS #11 2.40 and 3.0, 5.7. */
#include "tests/unit/pkcs11/conformance.h"

static CK_OBJECT_HANDLE made;
static CK_OBJECT_CLASS data_class = CKO_DATA, secret_class = CKO_SECRET_KEY, public_class = CKO_PUBLIC_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET, ec = CKK_EC;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE label[] = "x", curve[] = { 6, 3, 0x2b, 1, 1 };
static CK_ATTRIBUTE is_data = { CKA_CLASS, &data_class, sizeof(data_class) };
static CK_ATTRIBUTE named = { CKA_LABEL, label, 1 }, no_value = { CKA_LABEL, NULL, 4 };
static CK_ATTRIBUTE strange = { CKA_VENDOR_DEFINED | 1, label, 1 };
static CK_ATTRIBUTE token_object = { CKA_TOKEN, &yes, 1 }, short_flag = { CKA_PRIVATE, label, 0 };

static CK_SESSION_HANDLE read_only(void)
{
	CK_SESSION_HANDLE ro = 0;
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	return ro;
}

static CK_RV call_create_object(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE template[] = { is_data, named };
	return f->C_CreateObject(session, template, 2, &made);
}

static CK_RV create_with(CK_ATTRIBUTE more)
{
	CK_ATTRIBUTE template[] = { is_data, more };
	return f->C_CreateObject(s, template, 2, &made);
}

static void create_object(void)
{
	CK_ATTRIBUTE written[] = { is_data, token_object };
	CK_ATTRIBUTE key_without_type[] = { { CKA_CLASS, &secret_class, sizeof(secret_class) },
					    { CKA_VALUE, data, 16 } };
	CK_ATTRIBUTE key[] = { { CKA_CLASS, &secret_class, sizeof(secret_class) },
			       { CKA_KEY_TYPE, &generic, sizeof(generic) },
			       { CKA_VALUE, data, 16 },
			       { CKA_LOCAL, &yes, 1 } };
	CK_ATTRIBUTE twice[] = { is_data, named, named };
	CK_ATTRIBUTE unknown_curve[] = { { CKA_CLASS, &public_class, sizeof(public_class) },
					 { CKA_KEY_TYPE, &ec, sizeof(ec) },
					 { CKA_EC_PARAMS, curve, sizeof(curve) },
					 { CKA_EC_POINT, data, 64 } };
	gives(CKR_ARGUMENTS_BAD, f->C_CreateObject(s, NULL, 1, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_CreateObject(s, &is_data, 1, NULL));
	gives(CKR_TEMPLATE_INCOMPLETE, f->C_CreateObject(s, &named, 1, &made));
	gives(CKR_TEMPLATE_INCOMPLETE, f->C_CreateObject(s, key_without_type, 2, &made));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, create_with(strange));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, create_with(short_flag));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, create_with(no_value));
	gives(CKR_ATTRIBUTE_READ_ONLY, f->C_CreateObject(s, key, 4, &made));
	gives(CKR_TEMPLATE_INCONSISTENT, f->C_CreateObject(s, twice, 3, &made));
	gives(CKR_DOMAIN_PARAMS_INVALID, f->C_CreateObject(s, unknown_curve, 4, &made));
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_CreateObject(s, written, 2, &made));
	gives(CKR_SESSION_READ_ONLY, f->C_CreateObject(read_only(), written, 2, &made));
	gives(CKR_OK, call_create_object(s));
}

static CK_RV call_copy_object(CK_SESSION_HANDLE session)
{
	return f->C_CopyObject(session, secret, &named, 1, &made);
}

static void copy_object(void)
{
	CK_ATTRIBUTE extractable = { CKA_EXTRACTABLE, &yes, 1 }, hidden = { CKA_EXTRACTABLE, &no, 1 };
	CK_ATTRIBUTE other_class = { CKA_CLASS, &data_class, sizeof(data_class) };
	CK_OBJECT_HANDLE copy = 0;
	gives(CKR_ARGUMENTS_BAD, f->C_CopyObject(s, secret, NULL, 1, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_CopyObject(s, secret, &named, 1, NULL));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_CopyObject(s, NOTHING, &named, 1, &made));
	gives(CKR_ACTION_PROHIBITED, f->C_CopyObject(s, rsa, &named, 1, &made));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, f->C_CopyObject(s, secret, &strange, 1, &made));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, f->C_CopyObject(s, secret, &no_value, 1, &made));
	gives(CKR_OK, f->C_CopyObject(s, secret, &hidden, 1, &copy));
	gives(CKR_ATTRIBUTE_READ_ONLY, f->C_CopyObject(s, copy, &extractable, 1, &made));
	CK_RV rv = f->C_CopyObject(s, secret, &other_class, 1, &made);
	assert_true(rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_READ_ONLY);
	gives(rv, rv);
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_CopyObject(s, secret, &token_object, 1, &made));
	gives(CKR_SESSION_READ_ONLY, f->C_CopyObject(read_only(), secret, &token_object, 1, &made));
}

static CK_RV call_destroy_object(CK_SESSION_HANDLE session)
{
	return f->C_DestroyObject(session, secret);
}

static void destroy_object(void)
{
	CK_ATTRIBUTE kept = { CKA_DESTROYABLE, &no, 1 };
	CK_OBJECT_HANDLE copy = 0;
	check_rv(CKR_OK, C_CopyObject(s, secret, &kept, 1, &copy));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_DestroyObject(s, NOTHING));
	gives(CKR_ACTION_PROHIBITED, f->C_DestroyObject(s, copy));
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_DestroyObject(s, rsa));
	gives(CKR_SESSION_READ_ONLY, f->C_DestroyObject(read_only(), rsa));
	gives(CKR_OK, f->C_DestroyObject(s, secret));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_DestroyObject(s, secret));
}

static CK_RV call_get_object_size(CK_SESSION_HANDLE session)
{
	return f->C_GetObjectSize(session, secret, &len);
}

static void get_object_size(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_GetObjectSize(s, secret, NULL));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_GetObjectSize(s, NOTHING, &len));
	gives(CKR_OK, f->C_GetObjectSize(s, secret, &len));
	gives(CKR_OK, f->C_GetObjectSize(s, rsa, &len));
}

static CK_RV call_get_attribute_value(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE wanted = { CKA_LABEL, out, sizeof(out) };
	return f->C_GetAttributeValue(session, rsa, &wanted, 1);
}

static void get_attribute_value(void)
{
	CK_ATTRIBUTE value = { CKA_VALUE, out, sizeof(out) }, small = { CKA_LABEL, out, 1 };
	CK_ATTRIBUTE exponent = { CKA_PRIVATE_EXPONENT, out, sizeof(out) }, modulus = { CKA_MODULUS, NULL, 0 };
	CK_ATTRIBUTE several[] = { modulus, exponent, { CKA_ID, NULL, 0 } };
	gives(CKR_ARGUMENTS_BAD, f->C_GetAttributeValue(s, rsa, NULL, 1));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_GetAttributeValue(s, NOTHING, &modulus, 1));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, f->C_GetAttributeValue(s, secret, &modulus, 1));
	assert_int_equal(modulus.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	gives(CKR_ATTRIBUTE_SENSITIVE, f->C_GetAttributeValue(s, rsa, &exponent, 1));
	gives(CKR_ATTRIBUTE_SENSITIVE, f->C_GetAttributeValue(s, aes, &value, 1));
	assert_int_equal(value.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	gives(CKR_BUFFER_TOO_SMALL, f->C_GetAttributeValue(s, rsa, &small, 1));
	/* The others are worked on all the same. */
	gives(CKR_ATTRIBUTE_SENSITIVE, f->C_GetAttributeValue(s, rsa, several, 3));
	assert_int_equal(several[0].ulValueLen, 256);
	assert_int_equal(several[2].ulValueLen, 1);
	CK_ATTRIBUTE unknown_yet = { CKA_MODULUS, NULL, 0 };
	gives(CKR_DEVICE_ERROR, f->C_GetAttributeValue(s, conformance_broken(CKO_PRIVATE_KEY), &unknown_yet, 1));
	gives(CKR_OK, call_get_attribute_value(s));
}

static CK_RV call_set_attribute_value(CK_SESSION_HANDLE session)
{
	return f->C_SetAttributeValue(session, secret, &named, 1);
}

static void set_attribute_value(void)
{
	CK_ATTRIBUTE fixed = { CKA_MODIFIABLE, &no, 1 }, derived = { CKA_LOCAL, &yes, 1 };
	CK_ATTRIBUTE date = { CKA_START_DATE, label, 1 };
	CK_OBJECT_HANDLE copy = 0;
	check_rv(CKR_OK, C_CopyObject(s, secret, &fixed, 1, &copy));
	gives(CKR_ARGUMENTS_BAD, f->C_SetAttributeValue(s, secret, NULL, 1));
	gives(CKR_OBJECT_HANDLE_INVALID, f->C_SetAttributeValue(s, NOTHING, &named, 1));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, f->C_SetAttributeValue(s, secret, &strange, 1));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, f->C_SetAttributeValue(s, secret, &date, 1));
	gives(CKR_ATTRIBUTE_READ_ONLY, f->C_SetAttributeValue(s, secret, &derived, 1));
	gives(CKR_ACTION_PROHIBITED, f->C_SetAttributeValue(s, copy, &named, 1));
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_SetAttributeValue(s, rsa, &named, 1));
	gives(CKR_SESSION_READ_ONLY, f->C_SetAttributeValue(read_only(), rsa, &named, 1));
	gives(CKR_OK, f->C_SetAttributeValue(s, secret, &named, 1));
}

static CK_RV call_find_objects_init(CK_SESSION_HANDLE session)
{
	return f->C_FindObjectsInit(session, NULL, 0);
}

static void find_objects_init(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_FindObjectsInit(s, NULL, 1));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, f->C_FindObjectsInit(s, &no_value, 1));
	gives(CKR_OK, f->C_FindObjectsInit(s, &strange, 1)); /* finds nothing */
	gives(CKR_OPERATION_ACTIVE, f->C_FindObjectsInit(s, NULL, 0));
}

static CK_RV call_find_objects(CK_SESSION_HANDLE session)
{
	return f->C_FindObjects(session, &made, 1, &len);
}

static void find_objects(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjects(s, &made, 1, &len));
	check_rv(CKR_OK, f->C_FindObjectsInit(s, &strange, 1));
	gives(CKR_ARGUMENTS_BAD, f->C_FindObjects(s, NULL, 1, &len));
	gives(CKR_ARGUMENTS_BAD, f->C_FindObjects(s, &made, 1, NULL));
	gives(CKR_OK, f->C_FindObjects(s, &made, 1, &len));
	assert_int_equal(len, 0);
}

static CK_RV call_find_objects_final(CK_SESSION_HANDLE session)
{
	return f->C_FindObjectsFinal(session);
}

static void find_objects_final(void)
{
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjectsFinal(s));
	check_rv(CKR_OK, f->C_FindObjectsInit(s, NULL, 0));
	gives(CKR_OK, f->C_FindObjectsFinal(s));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjectsFinal(s));
}

#define ATTRIBUTES CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID
#define NO_LOGIN                                                                                                       \
	{                                                                                                              \
		CKR_USER_NOT_LOGGED_IN, "objects of a session need no login"                                           \
	}

static const struct conformance_function functions[] = {
	{ "C_CreateObject", call_create_object, false, create_object,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, ATTRIBUTES, CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID,
		 CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT,
		 CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN),
	  NEVER(NO_LOGIN, { CKR_CURVE_NOT_SUPPORTED, "CKR_DOMAIN_PARAMS_INVALID says so, as in 2.40" }) },
	{ "C_CopyObject", call_copy_object, false, copy_object,
	  LISTED(IN_SESSION, CKR_ACTION_PROHIBITED, CKR_ARGUMENTS_BAD, ATTRIBUTES, CKR_OBJECT_HANDLE_INVALID,
		 CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED,
		 CKR_USER_NOT_LOGGED_IN),
	  NEVER(NO_LOGIN) },
	{ "C_DestroyObject", call_destroy_object, false, destroy_object,
	  LISTED(IN_SESSION, CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID, CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY,
		 CKR_TOKEN_WRITE_PROTECTED),
	  NULL },
	{ "C_GetObjectSize", call_get_object_size, false, get_object_size,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_INFORMATION_SENSITIVE, CKR_OBJECT_HANDLE_INVALID),
	  NEVER({ CKR_INFORMATION_SENSITIVE, "the size is not told for any object" }) },
	{ "C_GetAttributeValue", call_get_attribute_value, false, get_attribute_value,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
		 CKR_BUFFER_TOO_SMALL, CKR_OBJECT_HANDLE_INVALID),
	  NULL },
	{ "C_SetAttributeValue", call_set_attribute_value, false, set_attribute_value,
	  LISTED(IN_SESSION, CKR_ACTION_PROHIBITED, CKR_ARGUMENTS_BAD, ATTRIBUTES, CKR_OBJECT_HANDLE_INVALID,
		 CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN),
	  NEVER(NO_LOGIN, { CKR_TEMPLATE_INCONSISTENT, "what may be set is independent of each other" }) },
	{ "C_FindObjectsInit", call_find_objects_init, false, find_objects_init,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
		 CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED),
	  NEVER({ CKR_ATTRIBUTE_TYPE_INVALID, "an attribute that nothing has matches nothing" }) },
	{ "C_FindObjects", call_find_objects, false, find_objects,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED), NULL },
	{ "C_FindObjectsFinal", call_find_objects_final, false, find_objects_final,
	  LISTED(IN_SESSION, CKR_OPERATION_NOT_INITIALIZED), NULL },
};
const struct conformance_chapter conformance_object = CHAPTER("object_management", functions);
