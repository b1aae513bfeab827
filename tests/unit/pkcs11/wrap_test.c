/* Keys under keys, there and back; and the application's queue of OpenSSL errors. */
#include "tests/unit/pkcs11/token_fixture.h"

#include <openssl/err.h>

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY, private = CKO_PRIVATE_KEY;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET, rsa = CKK_RSA, ec = CKK_EC, ed = CKK_EC_EDWARDS;
static CK_MECHANISM kw = { CKM_AES_KEY_WRAP, NULL, 0 }, kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
static CK_MECHANISM pkcs1 = { CKM_RSA_PKCS, NULL, 0 };
static CK_RSA_PKCS_OAEP_PARAMS oaep_params = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
static CK_MECHANISM oaep = { CKM_RSA_PKCS_OAEP, &oaep_params, sizeof(oaep_params) };
static CK_BYTE value[32] = "thirty-two bytes that are a key", wrapped[4096], out[4096];
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE kek, made;

#define ATTR(type, of)                                                                                                 \
	{                                                                                                              \
		(type), &(of), sizeof(of)                                                                              \
	}

static int open_session(void **state)
{
	fixture_fresh(state);
	s = fixture_session();
	kek = fixture_find(s, CKO_SECRET_KEY, "aes");
	return 0;
}

static CK_OBJECT_HANDLE create(CK_KEY_TYPE *type, size_t len, CK_BBOOL *extractable)
{
	CK_OBJECT_HANDLE object = 0;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret),
			     ATTR(CKA_KEY_TYPE, *type),
			     { CKA_VALUE, value, len },
			     ATTR(CKA_EXTRACTABLE, *extractable),
			     ATTR(CKA_SENSITIVE, no) };
	check_rv(CKR_OK, C_CreateObject(s, t, 5, &object));
	return object;
}

static CK_ULONG wrap(CK_MECHANISM *m, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE what)
{
	CK_ULONG n = 0, need;
	check_rv(CKR_OK, C_WrapKey(s, m, with, what, NULL, &n));
	need = n--;
	check_rv(CKR_BUFFER_TOO_SMALL, C_WrapKey(s, m, with, what, wrapped, &n));
	assert_int_equal(n, need);
	check_rv(CKR_OK, C_WrapKey(s, m, with, what, wrapped, &n));
	return n;
}

static void secrets_come_back_from_under_each_mechanism(void **state)
{
	(void)state;
	CK_OBJECT_HANDLE half = fixture_find(s, CKO_PUBLIC_KEY, "rsa"), whole = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	struct {
		CK_MECHANISM *mechanism;
		CK_OBJECT_HANDLE with, open;
		size_t len;
	} rows[] = {
		{ &kw, kek, kek, 32 }, { &kw, kek, kek, 16 },       { &kwp, kek, kek, 32 },
		{ &kwp, kek, kek, 7 }, { &pkcs1, half, whole, 24 }, { &oaep, half, whole, 32 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CK_ULONG n = wrap(rows[i].mechanism, rows[i].with, create(&generic, rows[i].len, &yes));
		CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, generic), ATTR(CKA_EXTRACTABLE, yes),
				     ATTR(CKA_SENSITIVE, no) };
		check_rv(CKR_OK, C_UnwrapKey(s, rows[i].mechanism, rows[i].open, wrapped, n, t, 4, &made));
		CK_BBOOL local = 9, always = 9, never = 9;
		CK_ATTRIBUTE a[] = { { CKA_VALUE, out, sizeof(out) },
				     ATTR(CKA_LOCAL, local),
				     ATTR(CKA_ALWAYS_SENSITIVE, always),
				     ATTR(CKA_NEVER_EXTRACTABLE, never) };
		check_rv(CKR_OK, C_GetAttributeValue(s, made, a, 4));
		check_bytes((struct bytes){ value, rows[i].len }, (struct bytes){ out, a[0].ulValueLen });
		assert_int_equal(local | always | never, CK_FALSE);
		if (rows[i].with != kek)
			continue;
		wrapped[n / 2] ^= 1;
		check_rv(CKR_WRAPPED_KEY_INVALID, C_UnwrapKey(s, rows[i].mechanism, kek, wrapped, n, t, 4, &made));
		check_rv(CKR_WRAPPED_KEY_LEN_RANGE,
			 C_UnwrapKey(s, rows[i].mechanism, kek, wrapped, n - 1, t, 4, &made));
	}
}

static void check_private(const char *name, CK_MECHANISM *generate, CK_ATTRIBUTE *params, CK_KEY_TYPE *type,
			  CK_MECHANISM *sign)
{
	CK_OBJECT_HANDLE half = 0, whole = 0;
	CK_ATTRIBUTE open = ATTR(CKA_EXTRACTABLE, yes);
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, private), ATTR(CKA_KEY_TYPE, *type) };
	print_message("%s\n", name);
	check_rv(CKR_OK, C_GenerateKeyPair(s, generate, params, 1, &open, 1, &half, &whole));
	CK_ULONG n = wrap(&kwp, kek, whole), len = sizeof(out);
	check_rv(CKR_OK, C_UnwrapKey(s, &kwp, kek, wrapped, n, t, 2, &made));
	check_rv(CKR_OK, C_SignInit(s, sign, made));
	check_rv(CKR_OK, C_Sign(s, value, 32, out, &len));
	check_rv(CKR_OK, C_VerifyInit(s, sign, half));
	check_rv(CKR_OK, C_Verify(s, value, 32, out, len));
	t[1] = (CK_ATTRIBUTE)ATTR(CKA_KEY_TYPE, *(type == &rsa ? &ec : &rsa));
	check_rv(CKR_WRAPPED_KEY_INVALID, C_UnwrapKey(s, &kwp, kek, wrapped, n, t, 2, &made));
	check_rv(CKR_KEY_NOT_WRAPPABLE, C_WrapKey(s, &kwp, kek, half, wrapped, &n));
	check_rv(CKR_KEY_NOT_WRAPPABLE,
		 C_WrapKey(s, &oaep, fixture_find(s, CKO_PUBLIC_KEY, "rsa"), whole, wrapped, &n));
}

static void private_keys_come_back_whole(void **state)
{
	(void)state;
	CK_BYTE p384[] = { 6, 5, 0x2b, 0x81, 4, 0, 0x22 }, edwards[] = { 6, 3, 0x2b, 0x65, 0x70 };
	CK_ULONG bits = 2048;
	CK_MECHANISM rsa_gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 }, ec_gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM ed_gen = { CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 }, rsa_sign = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_MECHANISM ecdsa = { CKM_ECDSA_SHA256, NULL, 0 }, eddsa = { CKM_EDDSA, NULL, 0 };
	CK_ATTRIBUTE size = ATTR(CKA_MODULUS_BITS, bits), curve = ATTR(CKA_EC_PARAMS, p384);
	CK_ATTRIBUTE twisted = ATTR(CKA_EC_PARAMS, edwards);
	check_private("RSA", &rsa_gen, &size, &rsa, &rsa_sign);
	check_private("P-384", &ec_gen, &curve, &ec, &ecdsa);
	check_private("Ed25519", &ed_gen, &twisted, &ed, &eddsa);
}

static void what_may_not_leave_is_not_wrapped(void **state)
{
	(void)state;
	CK_ULONG n = sizeof(wrapped);
	CK_OBJECT_HANDLE open = create(&aes, 32, &yes), closed = create(&aes, 32, &no), odd = create(&generic, 7, &yes);
	CK_ATTRIBUTE never = ATTR(CKA_WRAP, no), trusted = ATTR(CKA_WRAP_WITH_TRUSTED, yes);
	CK_MECHANISM sha = { CKM_SHA256, NULL, 0 }, iv = { CKM_AES_KEY_WRAP, value, 4 };
	check_rv(CKR_KEY_UNEXTRACTABLE, C_WrapKey(s, &kw, kek, closed, wrapped, &n));
	check_rv(CKR_KEY_UNEXTRACTABLE, C_WrapKey(s, &kw, kek, kek, wrapped, &n));
	check_rv(CKR_KEY_UNEXTRACTABLE, C_WrapKey(s, &kwp, kek, fixture_find(s, CKO_PRIVATE_KEY, "rsa"), wrapped, &n));
	check_rv(CKR_KEY_HANDLE_INVALID, C_WrapKey(s, &kw, kek, 4711, wrapped, &n));
	check_rv(CKR_WRAPPING_KEY_HANDLE_INVALID, C_WrapKey(s, &kw, 4711, open, wrapped, &n));
	check_rv(CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
		 C_WrapKey(s, &kw, fixture_find(s, CKO_PUBLIC_KEY, "rsa"), open, wrapped, &n));
	check_rv(CKR_MECHANISM_INVALID, C_WrapKey(s, &sha, kek, open, wrapped, &n));
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_WrapKey(s, &iv, kek, open, wrapped, &n));
	check_rv(CKR_KEY_SIZE_RANGE, C_WrapKey(s, &kw, kek, odd, wrapped, &n));
	check_rv(CKR_OK, C_SetAttributeValue(s, closed, &never, 1));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_WrapKey(s, &kw, closed, open, wrapped, &n));
	check_rv(CKR_OK, C_SetAttributeValue(s, open, &trusted, 1));
	check_rv(CKR_KEY_NOT_WRAPPABLE, C_WrapKey(s, &kw, kek, open, wrapped, &n));
}

static void templates_for_unwrapping_are_checked(void **state)
{
	(void)state;
	CK_ULONG n = wrap(&kw, kek, create(&generic, 24, &yes)), len = 16;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, generic), ATTR(CKA_VALUE_LEN, len) };
	CK_ATTRIBUTE token[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, generic), ATTR(CKA_TOKEN, yes) };
	CK_ATTRIBUTE mixed[] = { ATTR(CKA_CLASS, private), ATTR(CKA_KEY_TYPE, generic) };
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_UnwrapKey(s, &kw, kek, wrapped, n, t, 1, &made));
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_UnwrapKey(s, &kw, kek, wrapped, n, t + 1, 1, &made));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_UnwrapKey(s, &kw, kek, wrapped, n, t, 3, &made));
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_UnwrapKey(s, &kw, kek, wrapped, n, mixed, 2, &made));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_UnwrapKey(s, &kw, kek, wrapped, n, token, 3, &made));
	check_rv(CKR_UNWRAPPING_KEY_HANDLE_INVALID, C_UnwrapKey(s, &kw, 4711, wrapped, n, t, 2, &made));
	check_rv(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
		 C_UnwrapKey(s, &kw, fixture_find(s, CKO_PRIVATE_KEY, "rsa"), wrapped, n, t, 2, &made));
	check_rv(CKR_OK, C_UnwrapKey(s, &kw, kek, wrapped, n, t, 2, &made));
}

/* Of the ciphertexts of one key one in 256 ends in what looks like good padding: another one is taken then. */
static void bad_padding_is_refused(void)
{
	CK_MECHANISM pad = { CKM_AES_CBC_PAD, value, 16 };
	CK_BYTE garbage[32];
	CK_RV rv = CKR_OK;
	memset(garbage, 0xff, sizeof(garbage));
	for (int i = 0; i < 16 && rv == CKR_OK; i++) {
		CK_ULONG n = sizeof(out);
		garbage[31] = (CK_BYTE)i;
		check_rv(CKR_OK, C_DecryptInit(s, &pad, kek));
		rv = C_Decrypt(s, garbage, sizeof(garbage), out, &n);
	}
	assert_int_equal(rv, CKR_ENCRYPTED_DATA_INVALID);
}

/* An error of the application's own, queued before our calls, is there after them, and none of ours is. */
static void the_applications_openssl_errors_stay_as_they_were(void **state)
{
	(void)state;
	CK_OBJECT_HANDLE whole = fixture_find(s, CKO_PRIVATE_KEY, "rsa"), ecdsa_key = 0;
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, big[256];
	CK_ATTRIBUTE curve = ATTR(CKA_EC_PARAMS, p256);
	CK_MECHANISM ec_gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 }, raw = { CKM_RSA_X_509, NULL, 0 };
	CK_OBJECT_HANDLE half = 0;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, generic) };
	memset(big, 0xff, sizeof(big));
	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, 77);
	for (int round = 0; round < 3; round++) {
		CK_ULONG n = sizeof(out);
		check_rv(CKR_OK, C_DecryptInit(s, &oaep, whole));
		check_rv(CKR_ENCRYPTED_DATA_INVALID, C_Decrypt(s, big + 0, 256, out, &n));
		check_rv(CKR_OK, C_DecryptInit(s, &pkcs1, whole));
		check_rv(CKR_ENCRYPTED_DATA_INVALID, C_Decrypt(s, big, 256, out, &n));
		n = sizeof(out);
		check_rv(CKR_OK, C_SignInit(s, &raw, whole));
		check_rv(CKR_DATA_INVALID, C_Sign(s, big, 256, out, &n));
		bad_padding_is_refused();
		check_rv(CKR_OK, C_GenerateKeyPair(s, &ec_gen, &curve, 1, NULL, 0, &half, &ecdsa_key));
		check_rv(CKR_OK, C_VerifyInit(s, &ecdsa, half));
		check_rv(CKR_SIGNATURE_INVALID, C_Verify(s, value, 32, big, 64));
		check_rv(CKR_WRAPPED_KEY_INVALID, C_UnwrapKey(s, &kw, kek, big, 40, t, 2, &made));
		check_rv(CKR_OK, C_GenerateRandom(s, out, 16));
		assert_int_equal(ERR_GET_REASON(ERR_peek_error()), 77);
		assert_int_equal(ERR_peek_error(), ERR_peek_last_error());
	}
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), 77);
	assert_int_equal(ERR_get_error(), 0);
}

static CK_OBJECT_HANDLE bound_key(CK_ATTRIBUTE *wrapping, CK_ULONG n, CK_ATTRIBUTE *unwrapping, CK_ULONG m)
{
	CK_OBJECT_HANDLE key = 0;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret),
			     ATTR(CKA_KEY_TYPE, aes),
			     { CKA_VALUE, value, 32 },
			     { CKA_WRAP_TEMPLATE, wrapping, n * sizeof(CK_ATTRIBUTE) },
			     { CKA_UNWRAP_TEMPLATE, unwrapping, m * sizeof(CK_ATTRIBUTE) } };
	check_rv(CKR_OK, C_CreateObject(s, t, 5, &key));
	return key;
}

/* PKCS #11 2.40, 5.13. */
static void a_key_may_say_what_goes_under_it_and_what_comes_out(void **state)
{
	(void)state;
	CK_ATTRIBUTE only_generic[] = { ATTR(CKA_KEY_TYPE, generic) };
	CK_ATTRIBUTE stays[] = { ATTR(CKA_SENSITIVE, yes), ATTR(CKA_DERIVE, no) };
	CK_OBJECT_HANDLE key = bound_key(only_generic, 1, stays, 2);
	CK_ULONG n = 0;
	check_rv(CKR_KEY_HANDLE_INVALID, C_WrapKey(s, &kwp, key, create(&aes, 32, &yes), NULL, &n));
	n = wrap(&kwp, key, create(&generic, 32, &yes));
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret), ATTR(CKA_KEY_TYPE, generic), ATTR(CKA_SENSITIVE, no) };
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_UnwrapKey(s, &kwp, key, wrapped, n, t, 3, &made));
	check_rv(CKR_OK, C_UnwrapKey(s, &kwp, key, wrapped, n, t, 2, &made));
	CK_BBOOL sensitive = 9, derive = 9;
	CK_ATTRIBUTE got[] = { ATTR(CKA_SENSITIVE, sensitive), ATTR(CKA_DERIVE, derive) };
	check_rv(CKR_OK, C_GetAttributeValue(s, made, got, 2));
	assert_true(sensitive == CK_TRUE && derive == CK_FALSE);
	/* A copy is bound like its original. */
	CK_OBJECT_HANDLE copy;
	CK_ATTRIBUTE free_it = { CKA_WRAP_TEMPLATE, NULL, 0 };
	check_rv(CKR_ATTRIBUTE_READ_ONLY, C_CopyObject(s, key, &free_it, 1, &copy));
	check_rv(CKR_OK, C_CopyObject(s, key, NULL, 0, &copy));
	check_rv(CKR_KEY_HANDLE_INVALID, C_WrapKey(s, &kwp, copy, create(&aes, 32, &yes), NULL, &n));
}

static void templates_in_keys_are_handed_out_and_checked(void **state)
{
	(void)state;
	CK_ATTRIBUTE stays[] = { ATTR(CKA_SENSITIVE, yes), ATTR(CKA_KEY_TYPE, aes) };
	CK_OBJECT_HANDLE key = bound_key(NULL, 0, stays, 2);
	CK_BBOOL flag = 9;
	CK_KEY_TYPE type = 0;
	CK_ATTRIBUTE items[2] = { { 0, NULL, 0 }, { 0, NULL, 0 } };
	CK_ATTRIBUTE a = { CKA_UNWRAP_TEMPLATE, NULL, 0 };
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	assert_int_equal(a.ulValueLen, sizeof(items));
	a.pValue = items;
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	assert_int_equal(items[0].type, CKA_SENSITIVE);
	assert_int_equal(items[1].ulValueLen, sizeof(type));
	items[0].pValue = &flag;
	items[1].pValue = &type;
	check_rv(CKR_OK, C_GetAttributeValue(s, key, &a, 1));
	assert_true(flag == CK_TRUE && type == CKK_AES);
	items[1].ulValueLen = 1;
	check_rv(CKR_BUFFER_TOO_SMALL, C_GetAttributeValue(s, key, &a, 1));
	a.ulValueLen = sizeof(items[0]);
	check_rv(CKR_BUFFER_TOO_SMALL, C_GetAttributeValue(s, key, &a, 1));
	CK_ATTRIBUTE nested = { CKA_WRAP_TEMPLATE, stays, sizeof(stays) }, pointless = { CKA_LABEL, NULL, 4 };
	struct {
		void *list;
		CK_ULONG len;
	} bad[] = { { &nested, sizeof(nested) }, { &pointless, sizeof(pointless) }, { stays, sizeof(stays) - 1 } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret),
				     ATTR(CKA_KEY_TYPE, aes),
				     { CKA_VALUE, value, 32 },
				     { CKA_UNWRAP_TEMPLATE, bad[i].list, bad[i].len } };
		check_rv(CKR_ATTRIBUTE_VALUE_INVALID, C_CreateObject(s, t, 4, &made));
	}
}

static void what_is_derived_is_what_the_base_key_says(void **state)
{
	(void)state;
	CK_ATTRIBUTE stays[] = { ATTR(CKA_EXTRACTABLE, no) };
	CK_OBJECT_HANDLE base = 0;
	CK_ATTRIBUTE t[] = { ATTR(CKA_CLASS, secret),
			     ATTR(CKA_KEY_TYPE, generic),
			     { CKA_VALUE, value, 32 },
			     { CKA_DERIVE_TEMPLATE, stays, sizeof(stays) } };
	check_rv(CKR_OK, C_CreateObject(s, t, 4, &base));
	CK_HKDF_PARAMS params = { .bExpand = CK_TRUE, .prfHashMechanism = CKM_SHA256 };
	CK_MECHANISM hkdf = { CKM_HKDF_DERIVE, &params, sizeof(params) };
	CK_ULONG len = 32;
	CK_ATTRIBUTE wanted[] = { ATTR(CKA_VALUE_LEN, len), ATTR(CKA_EXTRACTABLE, yes) };
	check_rv(CKR_TEMPLATE_INCONSISTENT, C_DeriveKey(s, &hkdf, base, wanted, 2, &made));
	check_rv(CKR_OK, C_DeriveKey(s, &hkdf, base, wanted, 1, &made));
	check_rv(CKR_KEY_UNEXTRACTABLE, C_WrapKey(s, &kwp, kek, made, NULL, &len));
}

int main(void)
{
#define WRAP_TEST(name) cmocka_unit_test_setup_teardown(name, open_session, fixture_down)
	const struct CMUnitTest tests[] = {
		WRAP_TEST(secrets_come_back_from_under_each_mechanism),
		WRAP_TEST(private_keys_come_back_whole),
		WRAP_TEST(what_may_not_leave_is_not_wrapped),
		WRAP_TEST(templates_for_unwrapping_are_checked),
		WRAP_TEST(a_key_may_say_what_goes_under_it_and_what_comes_out),
		WRAP_TEST(templates_in_keys_are_handed_out_and_checked),
		WRAP_TEST(what_is_derived_is_what_the_base_key_says),
		WRAP_TEST(the_applications_openssl_errors_stay_as_they_were),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
