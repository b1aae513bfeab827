/* Key management functions: PKCS #11 2.40, 5.14; 3.0, 5.18. */
#include "tests/unit/pkcs11/conformance.h"

static CK_OBJECT_HANDLE made, made_private;
static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY, data_class = CKO_DATA;
static CK_KEY_TYPE aes_type = CKK_AES, rsa_type = CKK_RSA, generic_type = CKK_GENERIC_SECRET;
static CK_ULONG sixteen = 16, seventeen = 17, bits = 2048, too_few = 512;
static CK_BBOOL yes = CK_TRUE;
static CK_BYTE p256_oid[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, no_curve[] = { 6, 3, 0x2b, 1, 1 };
static CK_MECHANISM aes_gen = { CKM_AES_KEY_GEN, NULL, 0 }, aes_gen_wrong = { CKM_AES_KEY_GEN, data, 4 };
static CK_MECHANISM ec_gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 }, rsa_gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
static CK_MECHANISM wrap = { CKM_AES_KEY_WRAP, NULL, 0 }, wrap_wrong = { CKM_AES_KEY_WRAP, data, 3 };
static CK_ATTRIBUTE length = { CKA_VALUE_LEN, &sixteen, sizeof(sixteen) };
static CK_ATTRIBUTE strange = { CKA_VENDOR_DEFINED | 1, data, 1 }, short_flag = { CKA_PRIVATE, data, 0 };
static CK_ATTRIBUTE token_object = { CKA_TOKEN, &yes, 1 }, local = { CKA_LOCAL, &yes, 1 };
static CK_ATTRIBUTE is_data = { CKA_CLASS, &data_class, sizeof(data_class) };

static CK_SESSION_HANDLE read_only(void)
{
	CK_SESSION_HANDLE ro = 0;
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	return ro;
}

static CK_RV generate_with(CK_SESSION_HANDLE session, CK_ATTRIBUTE more)
{
	CK_ATTRIBUTE template[] = { length, more };
	return f->C_GenerateKey(session, &aes_gen, template, 2, &made);
}

static CK_RV call_generate_key(CK_SESSION_HANDLE session)
{
	return f->C_GenerateKey(session, &aes_gen, &length, 1, &made);
}

static void generate_key(void)
{
	CK_ATTRIBUTE odd = { CKA_VALUE_LEN, &seventeen, sizeof(seventeen) };
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKey(s, NULL, &length, 1, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKey(s, &aes_gen, NULL, 1, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKey(s, &aes_gen, &length, 1, NULL));
	gives(CKR_MECHANISM_INVALID, f->C_GenerateKey(s, &rsa_pkcs, &length, 1, &made));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_GenerateKey(s, &aes_gen_wrong, &length, 1, &made));
	gives(CKR_TEMPLATE_INCOMPLETE, f->C_GenerateKey(s, &aes_gen, NULL, 0, &made));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, f->C_GenerateKey(s, &aes_gen, &odd, 1, &made));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, generate_with(s, strange));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, generate_with(s, short_flag));
	gives(CKR_ATTRIBUTE_READ_ONLY, generate_with(s, local));
	gives(CKR_TEMPLATE_INCONSISTENT, generate_with(s, is_data));
	gives(CKR_TOKEN_WRITE_PROTECTED, generate_with(s, token_object));
	gives(CKR_SESSION_READ_ONLY, generate_with(read_only(), token_object));
	gives(CKR_OK, call_generate_key(s));
}

static CK_RV generate_pair_with(CK_SESSION_HANDLE session, CK_ATTRIBUTE more)
{
	CK_ATTRIBUTE template[] = { { CKA_EC_PARAMS, p256_oid, sizeof(p256_oid) }, more };
	return f->C_GenerateKeyPair(session, &ec_gen, template, 2, NULL, 0, &made, &made_private);
}

static CK_RV call_generate_key_pair(CK_SESSION_HANDLE session)
{
	CK_ATTRIBUTE curve = { CKA_EC_PARAMS, p256_oid, sizeof(p256_oid) };
	return f->C_GenerateKeyPair(session, &ec_gen, &curve, 1, NULL, 0, &made, &made_private);
}

static void generate_key_pair(void)
{
	CK_ATTRIBUTE curve = { CKA_EC_PARAMS, no_curve, sizeof(no_curve) };
	CK_ATTRIBUTE size = { CKA_MODULUS_BITS, &bits, sizeof(bits) };
	CK_ATTRIBUTE small = { CKA_MODULUS_BITS, &too_few, sizeof(too_few) };
	CK_MECHANISM wrong = { CKM_EC_KEY_PAIR_GEN, data, 4 };
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKeyPair(s, NULL, &size, 1, NULL, 0, &made, &made_private));
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKeyPair(s, &ec_gen, NULL, 1, NULL, 0, &made, &made_private));
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKeyPair(s, &ec_gen, &curve, 1, NULL, 0, NULL, &made_private));
	gives(CKR_ARGUMENTS_BAD, f->C_GenerateKeyPair(s, &ec_gen, &curve, 1, NULL, 0, &made, NULL));
	gives(CKR_MECHANISM_INVALID, f->C_GenerateKeyPair(s, &aes_gen, NULL, 0, NULL, 0, &made, &made_private));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_GenerateKeyPair(s, &wrong, &curve, 1, NULL, 0, &made, &made_private));
	gives(CKR_TEMPLATE_INCOMPLETE, f->C_GenerateKeyPair(s, &rsa_gen, NULL, 0, NULL, 0, &made, &made_private));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, f->C_GenerateKeyPair(s, &rsa_gen, &small, 1, NULL, 0, &made, &made_private));
	gives(CKR_CURVE_NOT_SUPPORTED, f->C_GenerateKeyPair(s, &ec_gen, &curve, 1, NULL, 0, &made, &made_private));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, generate_pair_with(s, strange));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, generate_pair_with(s, short_flag));
	gives(CKR_ATTRIBUTE_READ_ONLY, generate_pair_with(s, local));
	gives(CKR_TEMPLATE_INCONSISTENT, generate_pair_with(s, is_data));
	gives(CKR_TOKEN_WRITE_PROTECTED, generate_pair_with(s, token_object));
	gives(CKR_SESSION_READ_ONLY, generate_pair_with(read_only(), token_object));
	gives(CKR_OK, call_generate_key_pair(s));
}

static CK_RV call_wrap_key(CK_SESSION_HANDLE session)
{
	return f->C_WrapKey(session, &wrap, aes, secret, out, out_full());
}

static void wrap_key(void)
{
	CK_OBJECT_HANDLE denied = fixture_find(s, CKO_SECRET_KEY, "secret/key/rsa");
	CK_OBJECT_HANDLE big = conformance_secret(CKK_GENERIC_SECRET, 64);
	CK_MECHANISM big_oaep = { CKM_RSA_PKCS, NULL, 0 };
	gives(CKR_ARGUMENTS_BAD, f->C_WrapKey(s, NULL, aes, secret, out, out_full()));
	gives(CKR_ARGUMENTS_BAD, f->C_WrapKey(s, &wrap, aes, secret, out, NULL));
	gives(CKR_MECHANISM_INVALID, f->C_WrapKey(s, &sha256, aes, secret, out, out_full()));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_WrapKey(s, &wrap_wrong, aes, secret, out, out_full()));
	gives(CKR_WRAPPING_KEY_HANDLE_INVALID, f->C_WrapKey(s, &wrap, NOTHING, secret, out, out_full()));
	gives(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, f->C_WrapKey(s, &wrap, rsa_public, secret, out, out_full()));
	gives(CKR_WRAPPING_KEY_SIZE_RANGE,
	      f->C_WrapKey(s, &wrap, fixture_find(s, CKO_SECRET_KEY, "default/text/note"), secret, out, out_full()));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_WrapKey(s, &wrap, denied, secret, out, out_full()));
	gives(CKR_KEY_HANDLE_INVALID, f->C_WrapKey(s, &wrap, aes, NOTHING, out, out_full()));
	gives(CKR_KEY_UNEXTRACTABLE, f->C_WrapKey(s, &wrap, aes, aes, out, out_full()));
	gives(CKR_KEY_NOT_WRAPPABLE, f->C_WrapKey(s, &wrap, aes, rsa_public, out, out_full()));
	gives(CKR_KEY_SIZE_RANGE,
	      f->C_WrapKey(s, &wrap, aes, conformance_secret(CKK_GENERIC_SECRET, 7), out, out_full()));
	gives(CKR_DEVICE_ERROR, f->C_WrapKey(s, &wrap, conformance_broken(CKO_SECRET_KEY), secret, out, out_full()));
	gives(CKR_OK, f->C_WrapKey(s, &wrap, aes, secret, NULL, &len));
	assert_int_equal(len, 40);
	len = 39;
	gives(CKR_BUFFER_TOO_SMALL, f->C_WrapKey(s, &wrap, aes, secret, out, &len));
	gives(CKR_OK, f->C_WrapKey(s, &wrap, aes, secret, out, &len));
	gives(CKR_OK, f->C_WrapKey(s, &big_oaep, rsa_public, big, out, out_full()));
}

static CK_BYTE wrapped[64];
static CK_ULONG wrapped_len;
static CK_ATTRIBUTE unwrapped_as[] = { { CKA_CLASS, &secret_class, sizeof(secret_class) },
				       { CKA_KEY_TYPE, &generic_type, sizeof(generic_type) } };

static CK_RV unwrap(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE with, CK_ULONG n)
{
	return f->C_UnwrapKey(s, mechanism, with, wrapped, n, unwrapped_as, 2, &made);
}

static CK_RV unwrap_as(CK_SESSION_HANDLE session, CK_ATTRIBUTE more)
{
	CK_ATTRIBUTE template[] = { unwrapped_as[0], unwrapped_as[1], more };
	return f->C_UnwrapKey(session, &wrap, aes, wrapped, wrapped_len, template, 3, &made);
}

static CK_RV call_unwrap_key(CK_SESSION_HANDLE session)
{
	return f->C_UnwrapKey(session, &wrap, aes, wrapped, wrapped_len, unwrapped_as, 2, &made);
}

static void unwrap_key(void)
{
	CK_OBJECT_HANDLE denied = fixture_find(s, CKO_SECRET_KEY, "secret/key/rsa");
	wrapped_len = sizeof(wrapped);
	check_rv(CKR_OK, f->C_WrapKey(s, &wrap, aes, secret, wrapped, &wrapped_len));
	gives(CKR_ARGUMENTS_BAD, unwrap(NULL, aes, wrapped_len));
	gives(CKR_ARGUMENTS_BAD, f->C_UnwrapKey(s, &wrap, aes, NULL, 40, unwrapped_as, 2, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_UnwrapKey(s, &wrap, aes, wrapped, wrapped_len, NULL, 2, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_UnwrapKey(s, &wrap, aes, wrapped, wrapped_len, unwrapped_as, 2, NULL));
	gives(CKR_MECHANISM_INVALID, unwrap(&sha256, aes, wrapped_len));
	gives(CKR_MECHANISM_PARAM_INVALID, unwrap(&wrap_wrong, aes, wrapped_len));
	gives(CKR_UNWRAPPING_KEY_HANDLE_INVALID, unwrap(&wrap, NOTHING, wrapped_len));
	gives(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, unwrap(&wrap, rsa, wrapped_len));
	gives(CKR_UNWRAPPING_KEY_SIZE_RANGE,
	      unwrap(&wrap, fixture_find(s, CKO_SECRET_KEY, "default/text/note"), wrapped_len));
	gives(CKR_USER_NOT_LOGGED_IN, unwrap(&wrap, denied, wrapped_len));
	gives(CKR_DEVICE_ERROR, unwrap(&wrap, conformance_broken(CKO_SECRET_KEY), wrapped_len));
	gives(CKR_WRAPPED_KEY_LEN_RANGE, unwrap(&wrap, aes, wrapped_len - 1));
	wrapped[5] ^= 1;
	gives(CKR_WRAPPED_KEY_INVALID, unwrap(&wrap, aes, wrapped_len));
	wrapped[5] ^= 1;
	gives(CKR_TEMPLATE_INCOMPLETE, f->C_UnwrapKey(s, &wrap, aes, wrapped, wrapped_len, unwrapped_as, 1, &made));
	gives(CKR_TEMPLATE_INCONSISTENT,
	      f->C_UnwrapKey(s, &wrap, aes, wrapped, wrapped_len,
			     (CK_ATTRIBUTE[]){ unwrapped_as[0], { CKA_KEY_TYPE, &rsa_type, sizeof(rsa_type) } }, 2,
			     &made));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, unwrap_as(s, strange));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, unwrap_as(s, short_flag));
	gives(CKR_ATTRIBUTE_READ_ONLY, unwrap_as(s, local));
	gives(CKR_TOKEN_WRITE_PROTECTED, unwrap_as(s, token_object));
	gives(CKR_SESSION_READ_ONLY, unwrap_as(read_only(), token_object));
	gives(CKR_OK, call_unwrap_key(s));
}

static CK_BYTE point[65];
static CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_NULL, 0, NULL, sizeof(point), point };
static CK_MECHANISM derive = { CKM_ECDH1_DERIVE, &ecdh, sizeof(ecdh) };

static CK_RV derive_from(CK_OBJECT_HANDLE key)
{
	return f->C_DeriveKey(s, &derive, key, NULL, 0, &made);
}

static CK_RV derive_as(CK_SESSION_HANDLE session, CK_ATTRIBUTE more)
{
	return f->C_DeriveKey(session, &derive, p256, &more, 1, &made);
}

static CK_RV call_derive_key(CK_SESSION_HANDLE session)
{
	return f->C_DeriveKey(session, &derive, p256, NULL, 0, &made);
}

static void read_point(void)
{
	CK_BYTE der[67];
	CK_ATTRIBUTE wanted = { CKA_EC_POINT, der, sizeof(der) };
	check_rv(CKR_OK, C_GetAttributeValue(s, p256_public, &wanted, 1));
	memcpy(point, der + 2, sizeof(point));
}

static void derive_key(void)
{
	CK_MECHANISM wrong = { CKM_ECDH1_DERIVE, &ecdh, 3 },
		     unknown_derivation = { CKM_SHA256_KEY_DERIVATION, NULL, 0 };
	CK_ATTRIBUTE no_type = { CKA_KEY_TYPE, &rsa_type, sizeof(rsa_type) };
	CK_ATTRIBUTE an_aes_key = { CKA_KEY_TYPE, &aes_type, sizeof(aes_type) };
	read_point();
	gives(CKR_ARGUMENTS_BAD, f->C_DeriveKey(s, NULL, p256, NULL, 0, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_DeriveKey(s, &derive, p256, NULL, 1, &made));
	gives(CKR_ARGUMENTS_BAD, f->C_DeriveKey(s, &derive, p256, NULL, 0, NULL));
	gives(CKR_MECHANISM_INVALID, f->C_DeriveKey(s, &rsa_pkcs, p256, NULL, 0, &made));
	gives(CKR_MECHANISM_INVALID, f->C_DeriveKey(s, &unknown_derivation, secret, NULL, 0, &made));
	gives(CKR_MECHANISM_PARAM_INVALID, f->C_DeriveKey(s, &wrong, p256, NULL, 0, &made));
	gives(CKR_KEY_HANDLE_INVALID, derive_from(NOTHING));
	gives(CKR_KEY_TYPE_INCONSISTENT, derive_from(rsa));
	gives(CKR_KEY_FUNCTION_NOT_PERMITTED, derive_from(p256_public));
	gives(CKR_USER_NOT_LOGGED_IN, derive_from(fixture_find(s, CKO_PRIVATE_KEY, "denied")));
	gives(CKR_DEVICE_ERROR, derive_from(conformance_broken(CKO_PRIVATE_KEY)));
	gives(CKR_ATTRIBUTE_TYPE_INVALID, derive_as(s, strange));
	gives(CKR_ATTRIBUTE_VALUE_INVALID, derive_as(s, short_flag));
	gives(CKR_ATTRIBUTE_READ_ONLY, derive_as(s, local));
	gives(CKR_TEMPLATE_INCONSISTENT, derive_as(s, no_type));
	gives(CKR_TOKEN_WRITE_PROTECTED, derive_as(s, token_object));
	gives(CKR_SESSION_READ_ONLY, derive_as(read_only(), token_object));
	gives(CKR_OK, derive_as(s, an_aes_key));
	gives(CKR_OK, call_derive_key(s));
}

#define ATTRIBUTES CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID
#define MAKES                                                                                                          \
	CANCELABLE, CKR_ARGUMENTS_BAD, ATTRIBUTES, CKR_CURVE_NOT_SUPPORTED, CKR_MECHANISM_INVALID,                     \
		CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY,             \
		CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN
#define ALONE                                                                                                          \
	{                                                                                                              \
		CKR_OPERATION_ACTIVE, "no operation stands in its way"                                                 \
	}
#define NO_CURVE                                                                                                       \
	{                                                                                                              \
		CKR_CURVE_NOT_SUPPORTED, "no curve is chosen here"                                                     \
	}
#define NO_LOGIN                                                                                                       \
	{                                                                                                              \
		CKR_USER_NOT_LOGGED_IN, "objects of a session need no login"                                           \
	}

static const struct conformance_function functions[] = {
	{ "C_GenerateKey", call_generate_key, false, generate_key, LISTED(MAKES), NEVER(ALONE, NO_CURVE, NO_LOGIN) },
	{ "C_GenerateKeyPair", call_generate_key_pair, false, generate_key_pair,
	  LISTED(MAKES, CKR_DOMAIN_PARAMS_INVALID),
	  NEVER(ALONE, NO_LOGIN, { CKR_DOMAIN_PARAMS_INVALID, "there are only named curves" }) },
	{ "C_WrapKey", call_wrap_key, false, wrap_key,
	  LISTED(CANCELABLE, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE,
		 CKR_KEY_SIZE_RANGE, CKR_KEY_UNEXTRACTABLE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
		 CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_WRAPPING_KEY_HANDLE_INVALID,
		 CKR_WRAPPING_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
	  NEVER(ALONE) },
	{ "C_UnwrapKey", call_unwrap_key, false, unwrap_key,
	  LISTED(MAKES, CKR_BUFFER_TOO_SMALL, CKR_DOMAIN_PARAMS_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID,
		 CKR_UNWRAPPING_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID,
		 CKR_WRAPPED_KEY_LEN_RANGE),
	  NEVER(ALONE, NO_CURVE, { CKR_BUFFER_TOO_SMALL, "nothing is written to a buffer" },
		{ CKR_DOMAIN_PARAMS_INVALID, "what is on another curve is no key: CKR_WRAPPED_KEY_INVALID" }) },
	{ "C_DeriveKey", call_derive_key, false, derive_key,
	  LISTED(MAKES, CKR_DOMAIN_PARAMS_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID,
		 CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT),
	  NEVER(ALONE, NO_CURVE, { CKR_TEMPLATE_INCOMPLETE, "length and type have defaults" },
		{ CKR_DOMAIN_PARAMS_INVALID, "a point of another curve is a wrong parameter" },
		{ CKR_KEY_SIZE_RANGE, "the curves that are read at all may derive" }) },
};
const struct conformance_chapter conformance_key = CHAPTER("key_management", functions);
