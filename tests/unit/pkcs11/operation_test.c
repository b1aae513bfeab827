/* What begins an operation, what ends it, and what sizes are told. */
#include "tests/unit/pkcs11/token_fixture.h"

static CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
static CK_MECHANISM sha256_rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 };
static CK_MECHANISM rsa_pkcs = { CKM_RSA_PKCS, NULL, 0 };
static CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
static CK_BYTE data[32] = "thirty-two bytes of data", out[512];

static void a_size_query_ends_nothing(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_ULONG len = 0;
	check_rv(CKR_OK, C_SignInit(s, &sha256_rsa, fixture_find(s, CKO_PRIVATE_KEY, "rsa")));
	check_rv(CKR_OK, C_Sign(s, data, 32, NULL, &len));
	assert_int_equal(len, 256);
	len = 255;
	check_rv(CKR_BUFFER_TOO_SMALL, C_Sign(s, data, 32, out, &len));
	assert_int_equal(len, 256);
	check_rv(CKR_OK, C_SignUpdate(s, data, 32));
	len = 0;
	check_rv(CKR_OK, C_SignFinal(s, NULL, &len));
	len = 10;
	check_rv(CKR_BUFFER_TOO_SMALL, C_SignFinal(s, out, &len));
	assert_int_equal(len, 256);
	check_rv(CKR_OK, C_SignFinal(s, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_SignFinal(s, out, &len));
}

static void a_size_query_of_a_digest_ends_nothing(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_ULONG len = 0;
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	check_rv(CKR_OK, C_Digest(s, data, 32, NULL, &len));
	assert_int_equal(len, 32);
	len = 31;
	check_rv(CKR_BUFFER_TOO_SMALL, C_Digest(s, data, 32, out, &len));
	check_rv(CKR_OK, C_Digest(s, data, 32, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Digest(s, data, 32, out, &len));
}

static void a_second_init_is_refused_and_disturbs_nothing(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_ULONG len = sizeof(out);
	check_rv(CKR_OK, C_SignInit(s, &rsa_pkcs, key));
	check_rv(CKR_OPERATION_ACTIVE, C_SignInit(s, &rsa_pkcs, key));
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	check_rv(CKR_OPERATION_ACTIVE, C_DigestInit(s, &sha256));
	check_rv(CKR_STATE_UNSAVEABLE, C_GetOperationState(s, out, &len));
	check_rv(CKR_OK, C_Sign(s, data, 32, out, &len));
	len = sizeof(out);
	check_rv(CKR_OK, C_Digest(s, data, 32, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_GetOperationState(s, out, &len));
	check_rv(CKR_SAVED_STATE_INVALID, C_SetOperationState(s, out, 8, 0, 0));
}

static void the_whole_after_a_part_is_refused_and_ends_it(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_ULONG len = sizeof(out);
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	check_rv(CKR_OK, C_DigestUpdate(s, data, 32));
	check_rv(CKR_OPERATION_ACTIVE, C_Digest(s, data, 32, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DigestFinal(s, out, &len));
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	check_rv(CKR_OK, C_SignInit(s, &sha256_rsa, key));
	check_rv(CKR_OK, C_SignUpdate(s, data, 32));
	check_rv(CKR_OPERATION_ACTIVE, C_Sign(s, data, 32, out, &len));
	check_rv(CKR_OK, C_SignInit(s, &sha256_rsa, key));
}

static void every_error_ends_the_operation(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	CK_ULONG len = sizeof(out);
	CK_BYTE big[300] = { 0 };
	check_rv(CKR_OK, C_SignInit(s, &rsa_pkcs, key));
	check_rv(CKR_DATA_LEN_RANGE, C_Sign(s, big, 246, out, &len));
	check_rv(CKR_OK, C_SignInit(s, &rsa_pkcs, key));
	check_rv(CKR_ARGUMENTS_BAD, C_Sign(s, data, 32, out, NULL));
	check_rv(CKR_OK, C_SignInit(s, &rsa_pkcs, key));
	check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_SignUpdate(s, data, 32));
	check_rv(CKR_OK, C_DecryptInit(s, &rsa_pkcs, key));
	check_rv(CKR_ENCRYPTED_DATA_LEN_RANGE, C_Decrypt(s, big, 255, out, &len));
	check_rv(CKR_OK, C_DecryptInit(s, &rsa_pkcs, key));
	check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_DecryptUpdate(s, big, 1, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DecryptFinal(s, out, &len));
	check_rv(CKR_OK, C_EncryptInit(s, &rsa_pkcs, public));
	check_rv(CKR_DATA_LEN_RANGE, C_Encrypt(s, big, 246, out, &len));
	check_rv(CKR_OK, C_EncryptInit(s, &rsa_pkcs, public));
	check_rv(CKR_FUNCTION_NOT_SUPPORTED, C_EncryptFinal(s, out, &len));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Encrypt(s, big, 1, out, &len));
	check_rv(CKR_OK, C_VerifyInit(s, &rsa_pkcs, public));
	check_rv(CKR_SIGNATURE_LEN_RANGE, C_Verify(s, data, 32, big, 255));
	check_rv(CKR_OK, C_VerifyInit(s, &rsa_pkcs, public));
	check_rv(CKR_SIGNATURE_INVALID, C_Verify(s, data, 32, big, 256));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_Verify(s, data, 32, big, 256));
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	check_rv(CKR_ARGUMENTS_BAD, C_DigestUpdate(s, NULL, 1));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DigestUpdate(s, data, 1));
}

static void keys_and_mechanisms_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE rsa = fixture_find(s, CKO_PRIVATE_KEY, "rsa");
	CK_OBJECT_HANDLE public = fixture_find(s, CKO_PUBLIC_KEY, "rsa");
	CK_MECHANISM md5 = { CKM_MD5_RSA_PKCS, NULL, 0 }, with_param = { CKM_SHA256_RSA_PKCS, data, 4 };
	CK_MECHANISM null_param = { CKM_SHA256_RSA_PKCS, NULL, 4 };
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(s, &md5, rsa));
	check_rv(CKR_MECHANISM_INVALID, C_SignInit(s, &sha256, rsa));
	check_rv(CKR_MECHANISM_INVALID, C_EncryptInit(s, &sha256_rsa, public));
	check_rv(CKR_MECHANISM_INVALID, C_DigestInit(s, &rsa_pkcs));
	check_rv(CKR_MECHANISM_PARAM_INVALID, C_SignInit(s, &with_param, rsa));
	check_rv(CKR_ARGUMENTS_BAD, C_SignInit(s, &null_param, rsa));
	check_rv(CKR_KEY_HANDLE_INVALID, C_SignInit(s, &rsa_pkcs, 0));
	check_rv(CKR_KEY_HANDLE_INVALID, C_SignInit(s, &rsa_pkcs, 4242));
	check_rv(CKR_KEY_HANDLE_INVALID, C_SignInit(s, &rsa_pkcs, fixture_find(s, CKO_CERTIFICATE, "tls")));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_SignInit(s, &rsa_pkcs, public));
	check_rv(CKR_KEY_FUNCTION_NOT_PERMITTED, C_VerifyInit(s, &rsa_pkcs, rsa));
	check_rv(CKR_KEY_TYPE_INCONSISTENT, C_SignInit(s, &ecdsa, rsa));
	check_rv(CKR_KEY_TYPE_INCONSISTENT, C_SignInit(s, &rsa_pkcs, fixture_find(s, CKO_PRIVATE_KEY, "p256")));
	check_rv(CKR_KEY_TYPE_INCONSISTENT, C_SignInit(s, &rsa_pkcs, fixture_find(s, CKO_SECRET_KEY, "aes")));
	/* What could be told from the catalog was told without the network. */
	assert_true(fixture.gets <= 1);
}

static void a_plain_text_that_does_not_fit_may_be_asked_for_again(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_BYTE sealed[256], plain[256];
	CK_ULONG sealed_len = sizeof(sealed), len = 0;
	check_rv(CKR_OK, C_EncryptInit(s, &rsa_pkcs, fixture_find(s, CKO_PUBLIC_KEY, "rsa")));
	check_rv(CKR_OK, C_Encrypt(s, data, 32, sealed, &sealed_len));
	check_rv(CKR_OK, C_DecryptInit(s, &rsa_pkcs, fixture_find(s, CKO_PRIVATE_KEY, "rsa")));
	check_rv(CKR_OK, C_Decrypt(s, sealed, sealed_len, NULL, &len));
	assert_int_equal(len, 256);
	len = 31;
	memset(plain, 0x55, sizeof(plain));
	check_rv(CKR_BUFFER_TOO_SMALL, C_Decrypt(s, sealed, sealed_len, plain, &len));
	assert_int_equal(len, 32);
	assert_int_equal(plain[0], 0x55);
	/* As long as it is, and no longer: that is enough. */
	check_rv(CKR_OK, C_Decrypt(s, sealed, sealed_len, plain, &len));
	assert_memory_equal(plain, data, 32);
	assert_int_equal(plain[32], 0x55);
}

static void sessions_do_not_share_operations(void **state)
{
	(void)state;
	CK_SESSION_HANDLE one = fixture_session(), two = fixture_session();
	CK_ULONG len = sizeof(out);
	check_rv(CKR_OK, C_DigestInit(one, &sha256));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DigestFinal(two, out, &len));
	check_rv(CKR_OK, C_DigestFinal(one, out, &len));
}

static void digesting_a_key_that_may_not_leave_is_refused_and_ends_the_digest(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_OBJECT_HANDLE key = fixture_find(s, CKO_SECRET_KEY, "aes");
	check_rv(CKR_OPERATION_NOT_INITIALIZED, C_DigestKey(s, key));
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
	check_rv(CKR_KEY_INDIGESTIBLE, C_DigestKey(s, key));
	check_rv(CKR_OK, C_DigestInit(s, &sha256));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_size_query_ends_nothing),
		TEST(a_size_query_of_a_digest_ends_nothing),
		TEST(a_second_init_is_refused_and_disturbs_nothing),
		TEST(the_whole_after_a_part_is_refused_and_ends_it),
		TEST(every_error_ends_the_operation),
		TEST(keys_and_mechanisms_that_do_not_fit_are_refused),
		TEST(a_plain_text_that_does_not_fit_may_be_asked_for_again),
		TEST(sessions_do_not_share_operations),
		TEST(digesting_a_key_that_may_not_leave_is_refused_and_ends_the_digest),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
