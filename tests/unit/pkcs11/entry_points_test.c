/* Every entry point: before C_Initialize, with a session that is none, with arguments that are none. */
#include "tests/unit/pkcs11/token_fixture.h"

#include "pkcs11/function_list.h"

#define NO_SESSION 0x7fff0000UL

static CK_BYTE byte, buffer[64];
static CK_ULONG len = sizeof(buffer);
static CK_OBJECT_HANDLE object;
static CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
static CK_ATTRIBUTE attribute = { CKA_LABEL, NULL, 0 };
static CK_INFO info;
static CK_SLOT_ID slot;
static CK_SLOT_INFO slot_info;
static CK_TOKEN_INFO token_info;
static CK_MECHANISM_TYPE mechanism;
static CK_MECHANISM_INFO mechanism_info;
static CK_SESSION_INFO session_info;
static CK_SESSION_HANDLE made;

/* All that takes no session, with good arguments. */
static size_t call_general(CK_RV rv[16])
{
	size_t n = 0;
	rv[n++] = C_GetInfo(&info);
	rv[n++] = C_GetSlotList(CK_TRUE, &slot, &len);
	rv[n++] = C_GetSlotInfo(0, &slot_info);
	rv[n++] = C_GetTokenInfo(0, &token_info);
	rv[n++] = C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
	rv[n++] = C_GetMechanismList(0, NULL, &len);
	rv[n++] = C_GetMechanismInfo(0, CKM_RSA_PKCS, &mechanism_info);
	rv[n++] = C_InitToken(0, buffer, 1, buffer);
	rv[n++] = C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &made);
	rv[n++] = C_CloseAllSessions(0);
	(void)mechanism;
	return n;
}

/* All that takes a session, with good arguments. */
static size_t call_with(CK_SESSION_HANDLE s, CK_RV rv[64])
{
	size_t n = 0;
	rv[n++] = C_CloseSession(s);
	rv[n++] = C_GetSessionInfo(s, &session_info);
	rv[n++] = C_Login(s, CKU_USER, buffer, 1);
	rv[n++] = C_Logout(s);
	rv[n++] = C_InitPIN(s, buffer, 1);
	rv[n++] = C_SetPIN(s, buffer, 1, buffer, 1);
	rv[n++] = C_GetOperationState(s, buffer, &len);
	rv[n++] = C_SetOperationState(s, buffer, 1, 0, 0);
	rv[n++] = C_CreateObject(s, &attribute, 1, &object);
	rv[n++] = C_CopyObject(s, 1, &attribute, 1, &object);
	rv[n++] = C_DestroyObject(s, 1);
	rv[n++] = C_GetObjectSize(s, 1, &len);
	rv[n++] = C_GetAttributeValue(s, 1, &attribute, 1);
	rv[n++] = C_SetAttributeValue(s, 1, &attribute, 1);
	rv[n++] = C_FindObjectsInit(s, NULL, 0);
	rv[n++] = C_FindObjects(s, &object, 1, &len);
	rv[n++] = C_FindObjectsFinal(s);
	rv[n++] = C_EncryptInit(s, &sha256, 1);
	rv[n++] = C_Encrypt(s, &byte, 1, buffer, &len);
	rv[n++] = C_EncryptUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_EncryptFinal(s, buffer, &len);
	rv[n++] = C_DecryptInit(s, &sha256, 1);
	rv[n++] = C_Decrypt(s, &byte, 1, buffer, &len);
	rv[n++] = C_DecryptUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_DecryptFinal(s, buffer, &len);
	rv[n++] = C_DigestInit(s, &sha256);
	rv[n++] = C_Digest(s, &byte, 1, buffer, &len);
	rv[n++] = C_DigestUpdate(s, &byte, 1);
	rv[n++] = C_DigestKey(s, 1);
	rv[n++] = C_DigestFinal(s, buffer, &len);
	rv[n++] = C_SignInit(s, &sha256, 1);
	rv[n++] = C_Sign(s, &byte, 1, buffer, &len);
	rv[n++] = C_SignUpdate(s, &byte, 1);
	rv[n++] = C_SignFinal(s, buffer, &len);
	rv[n++] = C_SignRecoverInit(s, &sha256, 1);
	rv[n++] = C_SignRecover(s, &byte, 1, buffer, &len);
	rv[n++] = C_VerifyInit(s, &sha256, 1);
	rv[n++] = C_Verify(s, &byte, 1, buffer, 1);
	rv[n++] = C_VerifyUpdate(s, &byte, 1);
	rv[n++] = C_VerifyFinal(s, buffer, 1);
	rv[n++] = C_VerifyRecoverInit(s, &sha256, 1);
	rv[n++] = C_VerifyRecover(s, buffer, 1, &byte, &len);
	rv[n++] = C_DigestEncryptUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_DecryptDigestUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_SignEncryptUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_DecryptVerifyUpdate(s, &byte, 1, buffer, &len);
	rv[n++] = C_GenerateKey(s, &sha256, NULL, 0, &object);
	rv[n++] = C_GenerateKeyPair(s, &sha256, NULL, 0, NULL, 0, &object, &object);
	rv[n++] = C_WrapKey(s, &sha256, 1, 1, buffer, &len);
	rv[n++] = C_UnwrapKey(s, &sha256, 1, buffer, 1, NULL, 0, &object);
	rv[n++] = C_DeriveKey(s, &sha256, 1, NULL, 0, &object);
	rv[n++] = C_SeedRandom(s, buffer, 1);
	rv[n++] = C_GenerateRandom(s, buffer, 1);
	rv[n++] = C_GetFunctionStatus(s);
	rv[n++] = C_CancelFunction(s);
	return n;
}

static void check_all(const CK_RV *rv, size_t n, CK_RV wanted)
{
	for (size_t i = 0; i < n; i++)
		if (rv[i] != wanted)
			fail_msg("call %zu gives 0x%lx instead of 0x%lx", i, rv[i], wanted);
}

static void says_not_initialized_before_and_after(void **state)
{
	(void)state;
	CK_RV rv[64];
	for (int round = 0; round < 2; round++) {
		check_all(rv, call_general(rv), CKR_CRYPTOKI_NOT_INITIALIZED);
		check_all(rv, call_with(1, rv), CKR_CRYPTOKI_NOT_INITIALIZED);
		check_rv(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
		check_rv(CKR_OK, C_Initialize(NULL));
		check_rv(CKR_OK, C_Finalize(NULL));
	}
}

static void all_68_functions_are_in_the_list_and_tested_here(void **state)
{
	(void)state;
	CK_RV rv[64];
	CK_FUNCTION_LIST *list = NULL;
	check_rv(CKR_ARGUMENTS_BAD, C_GetFunctionList(NULL));
	check_rv(CKR_OK, C_GetFunctionList(&list));
	assert_int_equal(list->version.major, 2);
	assert_int_equal(list->version.minor, 40);
	void *const *functions = (void *const *)(const void *)&list->C_Initialize;
	for (size_t i = 0; i < 68; i++)
		assert_non_null(functions[i]);
	/* Those that are called here, and C_Initialize, C_Finalize, C_GetFunctionList. */
	assert_int_equal(call_general(rv) + call_with(1, rv) + 3, 68);
}

static void a_session_that_is_none_is_refused(void **state)
{
	(void)state;
	CK_RV rv[64];
	check_rv(CKR_OK, C_Initialize(NULL));
	check_all(rv, call_with(NO_SESSION, rv), CKR_SESSION_HANDLE_INVALID);
	check_all(rv, call_with(0, rv), CKR_SESSION_HANDLE_INVALID);
	CK_SESSION_HANDLE closed = fixture_session();
	check_rv(CKR_OK, C_CloseSession(closed));
	CK_SESSION_HANDLE other = fixture_session();
	assert_true(other != closed);
	check_all(rv, call_with(closed, rv), CKR_SESSION_HANDLE_INVALID);
}

static void a_slot_that_is_none_is_refused(void **state)
{
	(void)state;
	check_rv(CKR_OK, C_Initialize(NULL));
	check_rv(CKR_SLOT_ID_INVALID, C_GetSlotInfo(1, &slot_info));
	check_rv(CKR_SLOT_ID_INVALID, C_GetTokenInfo(99, &token_info));
	check_rv(CKR_SLOT_ID_INVALID, C_GetMechanismList(1, NULL, &len));
	check_rv(CKR_SLOT_ID_INVALID, C_GetMechanismInfo(1, CKM_SHA256, &mechanism_info));
	check_rv(CKR_SLOT_ID_INVALID, C_InitToken(1, buffer, 1, buffer));
	check_rv(CKR_SLOT_ID_INVALID, C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &made));
	check_rv(CKR_SLOT_ID_INVALID, C_CloseAllSessions(1));
}

static void null_arguments_are_refused(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_ARGUMENTS_BAD, C_Finalize(&byte));
	check_rv(CKR_ARGUMENTS_BAD, C_GetInfo(NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetSlotList(CK_FALSE, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetSlotInfo(0, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetTokenInfo(0, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetMechanismList(0, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetMechanismInfo(0, CKM_SHA256, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_InitToken(0, NULL, 1, buffer));
	check_rv(CKR_ARGUMENTS_BAD, C_InitToken(0, buffer, 1, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &byte));
	check_rv(CKR_ARGUMENTS_BAD, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetSessionInfo(s, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_Login(s, CKU_USER, NULL, 4));
	check_rv(CKR_ARGUMENTS_BAD, C_InitPIN(s, NULL, 4));
	check_rv(CKR_ARGUMENTS_BAD, C_SetPIN(s, NULL, 4, NULL, 0));
	check_rv(CKR_ARGUMENTS_BAD, C_GetOperationState(s, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_SetOperationState(s, NULL, 0, 0, 0));
	check_rv(CKR_ARGUMENTS_BAD, C_CreateObject(s, NULL, 1, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_CreateObject(s, &attribute, 1, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_CopyObject(s, 1, NULL, 1, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_CopyObject(s, 1, NULL, 0, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetObjectSize(s, 1, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_GetAttributeValue(s, 1, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_SetAttributeValue(s, 1, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_FindObjectsInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_FindObjects(s, NULL, 1, &len));
	check_rv(CKR_ARGUMENTS_BAD, C_FindObjects(s, &object, 1, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_EncryptInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_DecryptInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_DigestInit(s, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_SignInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_VerifyInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_SignRecoverInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_VerifyRecoverInit(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_GenerateKey(s, NULL, NULL, 0, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_GenerateKeyPair(s, &sha256, NULL, 0, NULL, 0, NULL, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_WrapKey(s, &sha256, 1, 1, NULL, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_UnwrapKey(s, &sha256, 1, NULL, 1, NULL, 0, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_DeriveKey(s, NULL, 1, NULL, 0, &object));
	check_rv(CKR_ARGUMENTS_BAD, C_DeriveKey(s, &sha256, 1, NULL, 0, NULL));
	check_rv(CKR_ARGUMENTS_BAD, C_SeedRandom(s, NULL, 1));
	check_rv(CKR_ARGUMENTS_BAD, C_GenerateRandom(s, NULL, 1));
	check_rv(CKR_OK, C_GenerateRandom(s, NULL, 0));
}

static void what_is_not_done_says_so(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_SESSION_EXISTS, C_InitToken(0, NULL, 0, buffer));
	check_rv(CKR_USER_NOT_LOGGED_IN, C_InitPIN(s, NULL, 0));
	check_rv(CKR_TOKEN_WRITE_PROTECTED, C_SetPIN(s, NULL, 0, NULL, 0));
	check_rv(CKR_FUNCTION_NOT_PARALLEL, C_GetFunctionStatus(s));
	check_rv(CKR_FUNCTION_NOT_PARALLEL, C_CancelFunction(s));
	check_rv(CKR_RANDOM_SEED_NOT_SUPPORTED, C_SeedRandom(s, buffer, 1));
	check_rv(CKR_NO_EVENT, C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
}

static void mechanisms_of_another_kind_are_refused(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	check_rv(CKR_TEMPLATE_INCOMPLETE, C_CreateObject(s, &attribute, 1, &object));
	check_rv(CKR_MECHANISM_INVALID, C_WrapKey(s, &sha256, 1, 1, buffer, &len));
	check_rv(CKR_MECHANISM_INVALID, C_UnwrapKey(s, &sha256, 1, buffer, 1, NULL, 0, &object));
	check_rv(CKR_MECHANISM_INVALID, C_GenerateKey(s, &sha256, NULL, 0, &object));
	check_rv(CKR_MECHANISM_INVALID, C_GenerateKeyPair(s, &sha256, NULL, 0, NULL, 0, &object, &object));
}

static void assert_padded(const CK_UTF8CHAR *text, size_t width, const char *wanted)
{
	assert_memory_equal(text, wanted, strlen(wanted));
	for (size_t i = strlen(wanted); i < width; i++)
		assert_int_equal(text[i], ' ');
}

static void token_info_tells_a_token_without_pin_that_cannot_be_written(void **state)
{
	(void)state;
	CK_SESSION_HANDLE s = fixture_session();
	CK_SLOT_ID slots[2];
	CK_ULONG n = 0;
	check_rv(CKR_BUFFER_TOO_SMALL, C_GetSlotList(CK_TRUE, slots, &n));
	assert_int_equal(n, 1);
	check_rv(CKR_OK, C_GetSlotList(CK_TRUE, slots, &n));
	check_rv(CKR_OK, C_GetSlotInfo(slots[0], &slot_info));
	assert_true(slot_info.flags & CKF_TOKEN_PRESENT);
	check_rv(CKR_OK, C_GetTokenInfo(slots[0], &token_info));
	assert_padded(token_info.label, 32, "test token");
	assert_padded(token_info.manufacturerID, 32, "kbs-pkcs11");
	assert_int_equal(token_info.flags,
			 CKF_RNG | CKF_WRITE_PROTECTED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED);
	assert_int_equal(token_info.ulSessionCount, 1);
	assert_int_equal(token_info.ulRwSessionCount, 1);
	check_rv(CKR_OK, C_CloseSession(s));
	check_rv(CKR_OK, C_GetTokenInfo(slots[0], &token_info));
	assert_int_equal(token_info.ulSessionCount, 0);
	check_rv(CKR_OK, C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.major, 3);
}

static void the_mechanism_list_is_what_mechanism_info_knows(void **state)
{
	(void)state;
	CK_MECHANISM_TYPE list[200];
	CK_ULONG n = 0;
	check_rv(CKR_OK, C_Initialize(NULL));
	check_rv(CKR_OK, C_GetMechanismList(0, NULL, &n));
	assert_true(n > 20 && n <= 200);
	CK_ULONG room = n - 1;
	check_rv(CKR_BUFFER_TOO_SMALL, C_GetMechanismList(0, list, &room));
	assert_int_equal(room, n);
	check_rv(CKR_OK, C_GetMechanismList(0, list, &room));
	for (CK_ULONG i = 0; i < n; i++) {
		check_rv(CKR_OK, C_GetMechanismInfo(0, list[i], &mechanism_info));
		assert_true(mechanism_info.flags != 0);
	}
	check_rv(CKR_MECHANISM_INVALID, C_GetMechanismInfo(0, CKM_MD5_RSA_PKCS, &mechanism_info));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_not_initialized_before_and_after),
		TEST(all_68_functions_are_in_the_list_and_tested_here),
		TEST(a_session_that_is_none_is_refused),
		TEST(a_slot_that_is_none_is_refused),
		TEST(null_arguments_are_refused),
		TEST(what_is_not_done_says_so),
		TEST(mechanisms_of_another_kind_are_refused),
		TEST(token_info_tells_a_token_without_pin_that_cannot_be_written),
		TEST(the_mechanism_list_is_what_mechanism_info_knows),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
