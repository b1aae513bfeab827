/* Session objects: made, copied, changed, destroyed, and what may not be done with them. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/err.h>

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY, public = CKO_PUBLIC_KEY, private = CKO_PRIVATE_KEY, data = CKO_DATA;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET, rsa = CKK_RSA, ec = CKK_EC;
static CK_BYTE value[32] = "thirty-two bytes that are a key", out[1024];
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE made;

#define ATTR(type, of)                                                                                                 \
	{                                                                                                              \
		(type), &(of), sizeof(of)                                                                              \
	}

static int open_session(void **state)
{
	fixture_fresh(state);
	s = fixture_session();
	made = 0;
	return 0;
}

static CK_BBOOL flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL got = 99;
	CK_ATTRIBUTE a = ATTR(type, got);
	check_rv(CKR_OK, C_GetAttributeValue(s, object, &a, 1));
	return got;
}

static CK_OBJECT_HANDLE create_aes(CK_ATTRIBUTE *more, size_t count)
{
	CK_ATTRIBUTE template[16] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_VALUE, value) };
	for (size_t i = 0; i < count; i++)
		template[3 + i] = more[i];
	CK_OBJECT_HANDLE object = 0;
	check_rv(CKR_OK, C_CreateObject(s, template, 3 + count, &object));
	return object;
}

static void a_created_key_is_found_used_and_keeps_its_value(void **state)
{
	(void)state;
	CK_ATTRIBUTE label = { CKA_LABEL, (void *)(uintptr_t) "mine", 4 };
	CK_OBJECT_HANDLE key = create_aes(&label, 1);
	assert_int_equal(fixture_find(s, CKO_SECRET_KEY, "mine"), key);
	assert_int_equal(flag(key, CKA_TOKEN), CK_FALSE);
	assert_int_equal(flag(key, CKA_LOCAL), CK_FALSE);
	assert_int_equal(flag(key, CKA_SENSITIVE), CK_TRUE);
	assert_int_equal(flag(key, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	assert_int_equal(flag(key, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	assert_int_equal(flag(key, CKA_ENCRYPT), CK_TRUE);
	CK_ATTRIBUTE a = { CKA_VALUE, out, sizeof(out) };
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, key, &a, 1));
	check_rv(CKR_OK, C_DestroyObject(s, key));
	assert_int_equal(fixture_find(s, CKO_SECRET_KEY, "mine"), 0);
}

static void check_create(CK_RV wanted, CK_ATTRIBUTE *template, CK_ULONG count)
{
	check_rv(wanted, C_CreateObject(s, template, count, &made));
}

static void templates_are_checked(void **state)
{
	(void)state;
	CK_ULONG odd = 0x8badf00d, four = 4;
	CK_BYTE short_value[15] = { 0 };
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_VALUE, value),
			     ATTR(CKA_LABEL, value) };
	check_create(CKR_OK, t, 4);
	check_create(CKR_TEMPLATE_INCOMPLETE, t, 2);
	check_create(CKR_TEMPLATE_INCOMPLETE, t + 1, 3);
	check_create(CKR_TEMPLATE_INCOMPLETE, t, 1);
	t[3] = (CK_ATTRIBUTE)ATTR(odd, yes);
	check_create(CKR_ATTRIBUTE_TYPE_INVALID, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_MODULUS, value);
	check_create(CKR_ATTRIBUTE_TYPE_INVALID, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_LOCAL, yes);
	check_create(CKR_ATTRIBUTE_READ_ONLY, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_ALWAYS_SENSITIVE, yes);
	check_create(CKR_ATTRIBUTE_READ_ONLY, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_TRUSTED, yes);
	check_create(CKR_ATTRIBUTE_READ_ONLY, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_VALUE_LEN, four);
	check_create(CKR_TEMPLATE_INCONSISTENT, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_KEY_TYPE, aes);
	check_create(CKR_TEMPLATE_INCONSISTENT, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_SENSITIVE, four);
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 4);
	t[3] = (CK_ATTRIBUTE){ CKA_LABEL, NULL, 4 };
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_START_DATE, four);
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 4);
	t[3] = (CK_ATTRIBUTE)ATTR(CKA_TOKEN, yes);
	check_create(CKR_TOKEN_WRITE_PROTECTED, t, 4);
	t[2] = (CK_ATTRIBUTE)ATTR(CKA_VALUE, short_value);
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 3);
	t[1] = (CK_ATTRIBUTE)ATTR(CKA_KEY_TYPE, odd);
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 3);
	t[0] = (CK_ATTRIBUTE)ATTR(CKA_CLASS, odd);
	check_create(CKR_ATTRIBUTE_VALUE_INVALID, t, 3);
	assert_int_equal(made > 0, 1);
}

static void a_read_only_session_makes_no_token_object(void **state)
{
	(void)state;
	CK_SESSION_HANDLE reader;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_VALUE, value),
			     ATTR(CKA_TOKEN, yes) };
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reader));
	check_rv(CKR_SESSION_READ_ONLY, C_CreateObject(reader, t, 4, &made));
	check_rv(CKR_OK, C_CreateObject(reader, t, 3, &made));
}

static void protection_of_a_key_only_gets_stricter(void **state)
{
	(void)state;
	CK_ATTRIBUTE open[] = { ATTR(CKA_SENSITIVE, no), ATTR(CKA_EXTRACTABLE, yes) };
	CK_ATTRIBUTE strict[] = { ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no) };
	CK_ATTRIBUTE a = { CKA_VALUE, out, sizeof(out) };
	CK_OBJECT_HANDLE key = create_aes(open, 2), copy = 0;
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	check_bytes(BYTES(value), (struct bytes){ out, a.ulValueLen });
	check_rv(CKR_OK, C_CopyObject(s, key, strict, 1, &copy));
	assert_int_equal(flag(copy, CKA_SENSITIVE), CK_TRUE);
	assert_int_equal(flag(copy, CKA_EXTRACTABLE), CK_TRUE);
	a.ulValueLen = sizeof(out);
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, copy, &a, 1));
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_CopyObject(s, copy, open, 1, &made));
	check_rv(CKR_OK, C_SetAttributeValue(s, key, strict, 2));
	assert_int_equal(flag(key, CKA_SENSITIVE), CK_TRUE);
	assert_int_equal(flag(key, CKA_EXTRACTABLE), CK_FALSE);
	/* It was not always so. */
	assert_int_equal(flag(key, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	assert_int_equal(flag(key, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_SetAttributeValue(s, key, open, 1));
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_SetAttributeValue(s, key, open + 1, 1));
	CK_ATTRIBUTE fixed[] = { ATTR(CKA_VALUE, value), ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, aes),
				 ATTR(CKA_TOKEN, no) };
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		check_rv(CKR_ATTRIBUTE_READ_ONLY, C_SetAttributeValue(s, key, fixed + i, 1));
}

static void what_may_not_be_changed_copied_or_destroyed_is_not(void **state)
{
	(void)state;
	CK_ATTRIBUTE rules[] = { ATTR(CKA_MODIFIABLE, no), ATTR(CKA_COPYABLE, no), ATTR(CKA_DESTROYABLE, no) };
	CK_ATTRIBUTE label = ATTR(CKA_LABEL, value);
	CK_OBJECT_HANDLE key = create_aes(rules, 3), token = fixture_find(s, CKO_SECRET_KEY, "aes");
	check_rv(CKR_ACTION_PROHIBITED, C_SetAttributeValue(s, key, &label, 1));
	check_rv(CKR_ACTION_PROHIBITED, C_CopyObject(s, key, NULL, 0, &made));
	check_rv(CKR_ACTION_PROHIBITED, C_DestroyObject(s, key));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_SetAttributeValue(s, token, &label, 1));
	check_rv(CKR_ACTION_PROHIBITED, C_CopyObject(s, token, NULL, 0, &made));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_DestroyObject(s, token));
}

static void a_key_does_what_its_template_allows_and_no_more(void **state)
{
	(void)state;
	CK_MECHANISM_TYPE only = CKM_AES_ECB;
	CK_ATTRIBUTE limits[] = { ATTR(CKA_ENCRYPT, no), ATTR(CKA_ALLOWED_MECHANISMS, only) };
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, cbc = { CKM_AES_CBC, value, 16 };
	CK_OBJECT_HANDLE key = create_aes(limits, 2);
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_EncryptInit(s, &ecb, key));
	check_rv(CKR_MECHANISM_INVALID, C_DecryptInit(s, &cbc, key));
	check_rv(CKR_OK, C_DecryptInit(s, &ecb, key));
	CK_ATTRIBUTE a = { CKA_ALLOWED_MECHANISMS, out, sizeof(out) };
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	check_bytes((struct bytes){ (uint8_t *)&only, sizeof(only) }, (struct bytes){ out, a.ulValueLen });
	CK_ATTRIBUTE may = ATTR(CKA_ENCRYPT, yes);
	check_rv(CKR_OK, C_SetAttributeValue(s, key, &may, 1));
	check_rv(CKR_OK, C_EncryptInit(s, &ecb, key));
}

static void a_copy_is_not_free_of_its_mechanisms(void **state)
{
	(void)state;
	CK_MECHANISM_TYPE only = CKM_AES_ECB, more[] = { CKM_AES_ECB, CKM_AES_CBC };
	CK_ATTRIBUTE limit = ATTR(CKA_ALLOWED_MECHANISMS, only), wider = ATTR(CKA_ALLOWED_MECHANISMS, more);
	CK_ATTRIBUTE all = { CKA_ALLOWED_MECHANISMS, NULL, 0 };
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, cbc = { CKM_AES_CBC, value, 16 };
	CK_OBJECT_HANDLE key = create_aes(&limit, 1);
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_CopyObject(s, key, &all, 1, &made));
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_CopyObject(s, key, &wider, 1, &made));
	check_rv(CKR_OK, C_CopyObject(s, key, NULL, 0, &made));
	check_rv(CKR_MECHANISM_INVALID, C_DecryptInit(s, &cbc, made));
	check_rv(CKR_OK, C_DecryptInit(s, &ecb, made));
	/* A copy may be bound where its original is not. */
	check_rv(CKR_OK, C_CopyObject(s, create_aes(NULL, 0), &limit, 1, &made));
	check_rv(CKR_MECHANISM_INVALID, C_EncryptInit(s, &cbc, made));
}

static void data_objects_keep_what_is_put_in(void **state)
{
	(void)state;
	CK_BYTE other[] = "changed";
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, data), ATTR(CKA_VALUE, value), ATTR(CKA_APPLICATION, other) };
	check_rv(CKR_OK, C_CreateObject(s, t, 3, &made));
	CK_ATTRIBUTE a = { CKA_VALUE, out, sizeof(out) };
	check_rv(CKR_OK, C_GetAttributeValue(s, made, &a, 1));
	check_bytes(BYTES(value), (struct bytes){ out, a.ulValueLen });
	CK_ATTRIBUTE set = ATTR(CKA_VALUE, other);
	check_rv(CKR_OK, C_SetAttributeValue(s, made, &set, 1));
	a.ulValueLen = sizeof(out);
	check_rv(CKR_OK, C_GetAttributeValue(s, made, &a, 1));
	check_bytes(BYTES(other), (struct bytes){ out, a.ulValueLen });
}

static void generated_secrets_are_local_and_of_the_length_asked_for(void **state)
{
	(void)state;
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 }, any = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_ULONG len = 32, got = 0, bad = 17;
	CK_ATTRIBUTE t[] = { ATTR(CKA_VALUE_LEN, len), ATTR(CKA_KEY_TYPE, aes) }, wrong = ATTR(CKA_VALUE_LEN, bad);
	CK_ATTRIBUTE a = ATTR(CKA_VALUE_LEN, got), valued[] = { ATTR(CKA_VALUE_LEN, len), ATTR(CKA_VALUE, value) };
	check_rv(CKR_OK, C_GenerateKey(s, &gen, t, 2, &made));
	check_rv(CKR_OK, C_GetAttributeValue(s, made, &a, 1));
	assert_int_equal(got, 32);
	assert_int_equal(flag(made, CKA_LOCAL), CK_TRUE);
	assert_int_equal(flag(made, CKA_ALWAYS_SENSITIVE), CK_TRUE);
	assert_int_equal(flag(made, CKA_NEVER_EXTRACTABLE), CK_TRUE);
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_GenerateKey(s, &gen, NULL, 0, &made));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_GenerateKey(s, &gen, &wrong, 1, &made));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_GenerateKey(s, &any, t, 2, &made));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_GenerateKey(s, &gen, valued, 2, &made));
	check_rv(CKR_OK, C_GenerateKey(s, &any, &wrong, 1, &made));
	any.pParameter = value;
	any.ulParameterLen = 4;
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_GenerateKey(s, &any, &wrong, 1, &made));
	t[1] = (CK_ATTRIBUTE)ATTR(CKA_KEY_TYPE, generic);
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_GenerateKey(s, &gen, t, 2, &made));
}

static void check_pair(CK_MECHANISM *sign, CK_OBJECT_HANDLE half, CK_OBJECT_HANDLE whole)
{
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_SignInit(s, sign, whole));
	check_rv(CKR_OK, C_Sign(s, value, sizeof(value), out, &n));
	check_rv(CKR_OK, C_VerifyInit(s, sign, half));
	check_rv(CKR_OK, C_Verify(s, value, sizeof(value), out, n));
	assert_int_equal(flag(whole, CKA_LOCAL), CK_TRUE);
	assert_int_equal(flag(whole, CKA_NEVER_EXTRACTABLE), CK_TRUE);
	assert_int_equal(flag(half, CKA_LOCAL), CK_TRUE);
}

static void generated_pairs_belong_together(void **state)
{
	(void)state;
	CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, ed[] = { 6, 3, 0x2b, 0x65, 0x70 };
	CK_BYTE x25519[] = { 6, 3, 0x2b, 0x65, 0x6e };
	CK_ULONG bits = 2048, small = 1024;
	CK_OBJECT_HANDLE half = 0, whole = 0;
	CK_MECHANISM rsa_gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 }, ec_gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM ed_gen = { CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM x_gen = { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM pss = { CKM_SHA3_256_RSA_PKCS, NULL, 0 }, ecdsa = { CKM_ECDSA_SHA3_384, NULL, 0 };
	CK_MECHANISM eddsa = { CKM_EDDSA, NULL, 0 };
	CK_ATTRIBUTE size = ATTR(CKA_MODULUS_BITS, bits), weak = ATTR(CKA_MODULUS_BITS, small);
	CK_ATTRIBUTE nist = ATTR(CKA_EC_PARAMS, p256), edwards = ATTR(CKA_EC_PARAMS, ed);
	CK_ATTRIBUTE montgomery = ATTR(CKA_EC_PARAMS, x25519);
	check_rv(CKR_OK, C_GenerateKeyPair(s, &rsa_gen, &size, 1, NULL, 0, &half, &whole));
	check_pair(&pss, half, whole);
	CK_ATTRIBUTE hidden = { CKA_PRIVATE_EXPONENT, out, sizeof(out) };
	check_rv(CKR_ATTRIBUTE_SENSITIVE, C_GetAttributeValue(s, whole, &hidden, 1));
	check_rv(CKR_OK, C_GenerateKeyPair(s, &ec_gen, &nist, 1, NULL, 0, &half, &whole));
	check_pair(&ecdsa, half, whole);
	check_rv(CKR_OK, C_GenerateKeyPair(s, &ed_gen, &edwards, 1, NULL, 0, &half, &whole));
	check_pair(&eddsa, half, whole);
	check_rv(CKR_OK, C_GenerateKeyPair(s, &x_gen, &montgomery, 1, NULL, 0, &half, &whole));
	assert_int_equal(flag(whole, CKA_DERIVE), CK_TRUE);
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_GenerateKeyPair(s, &rsa_gen, NULL, 0, NULL, 0, &half, &whole));
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_GenerateKeyPair(s, &rsa_gen, &weak, 1, NULL, 0, &half, &whole));
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_GenerateKeyPair(s, &ec_gen, NULL, 0, NULL, 0, &half, &whole));
	check_rv(CKR_CURVE_NOT_SUPPORTED, C_GenerateKeyPair(s, &ec_gen, &edwards, 1, NULL, 0, &half, &whole));
	CK_ATTRIBUTE type = ATTR(CKA_KEY_TYPE, rsa), class = ATTR(CKA_CLASS, public), token = ATTR(CKA_TOKEN, yes);
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_GenerateKeyPair(s, &ec_gen, &nist, 1, &type, 1, &half, &whole));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_GenerateKeyPair(s, &ec_gen, &nist, 1, &class, 1, &half, &whole));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_GenerateKeyPair(s, &ec_gen, &nist, 1, &token, 1, &half, &whole));
}

static void keys_are_made_of_the_numbers_of_others(void **state)
{
	(void)state;
	CK_BYTE modulus[512], exponent[8], d[512], params[16], point[160];
	CK_OBJECT_HANDLE open = fixture_find(s, CKO_PRIVATE_KEY, "open"), half = 0;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, private), ATTR(CKA_KEY_TYPE, rsa), ATTR(CKA_MODULUS, modulus),
			     ATTR(CKA_PUBLIC_EXPONENT, exponent), ATTR(CKA_PRIVATE_EXPONENT, d) };
	check_rv(CKR_OK, C_GetAttributeValue(s, open, t + 2, 3));
	check_rv(CKR_OK, C_CreateObject(s, t, 5, &made));
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_CreateObject(s, t, 4, &half));
	t[0] = (CK_ATTRIBUTE)ATTR(CKA_CLASS, public);
	check_rv(CKR_OK, C_CreateObject(s, t, 4, &half));
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_ULONG n = sizeof(out);
	check_rv(CKR_OK, C_SignInit(s, &m, made));
	check_rv(CKR_OK, C_Sign(s, value, sizeof(value), out, &n));
	check_rv(CKR_OK, C_VerifyInit(s, &m, half));
	check_rv(CKR_OK, C_Verify(s, value, sizeof(value), out, n));
	CK_ATTRIBUTE e[] = { ATTR(CKA_CLASS, public), ATTR(CKA_KEY_TYPE, ec), ATTR(CKA_EC_PARAMS, params),
			     ATTR(CKA_EC_POINT, point) };
	check_rv(CKR_OK, C_GetAttributeValue(s, fixture_find(s, CKO_PUBLIC_KEY, "p256"), e + 2, 2));
	check_rv(CKR_OK, C_CreateObject(s, e, 4, &made));
	point[e[3].ulValueLen - 1] ^= 1;
	check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_CreateObject(s, e, 4, &made));
	params[3] ^= 1;
	check_rv(CKR_DOMAIN_PARAMS_INVALID, C_CreateObject(s, e, 4, &made));
}

static void objects_go_with_their_session_and_only_with_it(void **state)
{
	(void)state;
	CK_SESSION_HANDLE other = fixture_session();
	CK_OBJECT_HANDLE key = create_aes(NULL, 0);
	CK_BBOOL got;
	CK_ATTRIBUTE a = ATTR(CKA_TOKEN, got);
	check_rv(CKR_OK, C_GetAttributeValue(other, key, &a, 1));
	check_rv(CKR_OK, C_CloseSession(s));
	check_rv(CKR_OBJECT_HANDLE_INVALID, C_GetAttributeValue(other, key, &a, 1));
}

int main(void)
{
#define OBJECT_TEST(name) cmocka_unit_test_setup_teardown(name, open_session, fixture_down)
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(a_created_key_is_found_used_and_keeps_its_value),
		OBJECT_TEST(templates_are_checked),
		OBJECT_TEST(a_read_only_session_makes_no_token_object),
		OBJECT_TEST(protection_of_a_key_only_gets_stricter),
		OBJECT_TEST(what_may_not_be_changed_copied_or_destroyed_is_not),
		OBJECT_TEST(a_key_does_what_its_template_allows_and_no_more),
		OBJECT_TEST(a_copy_is_not_free_of_its_mechanisms),
		OBJECT_TEST(data_objects_keep_what_is_put_in),
		OBJECT_TEST(generated_secrets_are_local_and_of_the_length_asked_for),
		OBJECT_TEST(generated_pairs_belong_together),
		OBJECT_TEST(keys_are_made_of_the_numbers_of_others),
		OBJECT_TEST(objects_go_with_their_session_and_only_with_it),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
