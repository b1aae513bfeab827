/* Slot and token management: PKCS #11 2.40 and 3.0, 5.5. */
#include "tests/unit/pkcs11/conformance.h"

#include <unistd.h>

#define NO_SLOT 4711

static CK_SLOT_ID slot;
static CK_SLOT_INFO slot_info;
static CK_TOKEN_INFO token_info;
static CK_MECHANISM_INFO mechanism_info;

static CK_RV call_get_slot_list(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_GetSlotList(CK_TRUE, NULL, &len);
}

static void get_slot_list(void)
{
	CK_SLOT_ID slots[16];
	gives(CKR_ARGUMENTS_BAD, f->C_GetSlotList(CK_FALSE, NULL, NULL));
	CK_ULONG n = 0, all = 0;
	gives(CKR_OK, f->C_GetSlotList(CK_FALSE, NULL, &all));
	gives(CKR_BUFFER_TOO_SMALL, f->C_GetSlotList(CK_FALSE, slots, &n));
	assert_int_equal(n, all);
	gives(CKR_OK, f->C_GetSlotList(CK_TRUE, slots, &n));
	assert_int_equal(n, all);
}

static CK_RV call_get_slot_info(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_GetSlotInfo(0, &slot_info);
}

static void get_slot_info(void)
{
	gives(CKR_SLOT_ID_INVALID, f->C_GetSlotInfo(NO_SLOT, &slot_info));
	gives(CKR_ARGUMENTS_BAD, f->C_GetSlotInfo(0, NULL));
	gives(CKR_OK, f->C_GetSlotInfo(0, &slot_info));
	assert_int_equal(slot_info.flags & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
}

static CK_RV call_get_token_info(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_GetTokenInfo(0, &token_info);
}

static void get_token_info(void)
{
	gives(CKR_SLOT_ID_INVALID, f->C_GetTokenInfo(NO_SLOT, &token_info));
	gives(CKR_ARGUMENTS_BAD, f->C_GetTokenInfo(0, NULL));
	gives(CKR_OK, f->C_GetTokenInfo(0, &token_info));
	assert_int_equal(token_info.ulSessionCount, 1);
}

static CK_RV call_wait_for_slot_event(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
}

static void *finalize_soon(void *unused)
{
	usleep(20000);
	check_rv(CKR_OK, C_Finalize(NULL));
	return unused;
}

static void wait_for_slot_event(void)
{
	pthread_t thread;
	gives(CKR_ARGUMENTS_BAD, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
	gives(CKR_ARGUMENTS_BAD, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &slot));
	gives(CKR_NO_EVENT, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
	/* Who blocks is let go by C_Finalize. */
	assert_int_equal(pthread_create(&thread, NULL, finalize_soon, NULL), 0);
	gives(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_WaitForSlotEvent(0, &slot, NULL));
	pthread_join(thread, NULL);
}

static CK_RV call_get_mechanism_list(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_GetMechanismList(0, NULL, &len);
}

static void get_mechanism_list(void)
{
	CK_MECHANISM_TYPE list[300];
	CK_ULONG n = 1, all = 0;
	gives(CKR_SLOT_ID_INVALID, f->C_GetMechanismList(NO_SLOT, NULL, &n));
	gives(CKR_ARGUMENTS_BAD, f->C_GetMechanismList(0, NULL, NULL));
	gives(CKR_OK, f->C_GetMechanismList(0, NULL, &all));
	gives(CKR_BUFFER_TOO_SMALL, f->C_GetMechanismList(0, list, &n));
	assert_int_equal(n, all);
	assert_true(n <= ARRAY_LEN(list));
	gives(CKR_OK, f->C_GetMechanismList(0, list, &n));
	for (size_t i = 0; i < n; i++) {
		check_rv(CKR_OK, f->C_GetMechanismInfo(0, list[i], &mechanism_info));
		assert_true(mechanism_info.flags != 0);
		assert_true(mechanism_info.ulMinKeySize <= mechanism_info.ulMaxKeySize);
	}
}

static CK_RV call_get_mechanism_info(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_GetMechanismInfo(0, CKM_RSA_PKCS, &mechanism_info);
}

static void get_mechanism_info(void)
{
	gives(CKR_SLOT_ID_INVALID, f->C_GetMechanismInfo(NO_SLOT, CKM_RSA_PKCS, &mechanism_info));
	gives(CKR_ARGUMENTS_BAD, f->C_GetMechanismInfo(0, CKM_RSA_PKCS, NULL));
	gives(CKR_MECHANISM_INVALID, f->C_GetMechanismInfo(0, CKM_MD5, &mechanism_info));
	gives(CKR_MECHANISM_INVALID, f->C_GetMechanismInfo(0, CKM_DES3_CBC, &mechanism_info));
	gives(CKR_OK, f->C_GetMechanismInfo(0, CKM_RSA_PKCS, &mechanism_info));
	assert_true(mechanism_info.flags & CKF_SIGN_RECOVER);
	gives(CKR_OK, f->C_GetMechanismInfo(0, CKM_AES_GCM, &mechanism_info));
	CK_FLAGS messages = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
	assert_int_equal(mechanism_info.flags & messages, messages);
}

static CK_RV call_init_token(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_InitToken(0, data, 1, data);
}

static void init_token(void)
{
	gives(CKR_SLOT_ID_INVALID, f->C_InitToken(NO_SLOT, data, 1, data));
	gives(CKR_ARGUMENTS_BAD, f->C_InitToken(0, NULL, 1, data));
	gives(CKR_ARGUMENTS_BAD, f->C_InitToken(0, data, 1, NULL));
	gives(CKR_SESSION_EXISTS, f->C_InitToken(0, data, 1, data));
	check_rv(CKR_OK, C_CloseAllSessions(0));
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_InitToken(0, data, 1, data));
}

static CK_RV call_init_pin(CK_SESSION_HANDLE session)
{
	return f->C_InitPIN(session, data, 1);
}

static void init_pin(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_InitPIN(s, NULL, 1));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_InitPIN(s, data, 4));
	check_rv(CKR_OK, C_Login(s, CKU_USER, NULL, 0));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_InitPIN(s, data, 4)); /* that one is no security officer */
}

static CK_RV call_set_pin(CK_SESSION_HANDLE session)
{
	return f->C_SetPIN(session, data, 1, data, 1);
}

static void set_pin(void)
{
	CK_SESSION_HANDLE ro = 0;
	check_rv(CKR_OK, C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	gives(CKR_ARGUMENTS_BAD, f->C_SetPIN(s, NULL, 1, data, 1));
	gives(CKR_ARGUMENTS_BAD, f->C_SetPIN(s, data, 1, NULL, 1));
	gives(CKR_SESSION_READ_ONLY, f->C_SetPIN(ro, data, 1, data, 1));
	gives(CKR_TOKEN_WRITE_PROTECTED, f->C_SetPIN(s, data, 1, data, 1));
}

#define NO_WRITE                                                                                                       \
	{                                                                                                              \
		CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: the token is write protected"                          \
	}

static const struct conformance_function functions[] = {
	{ "C_GetSlotList", call_get_slot_list, true, get_slot_list, LISTED(UP, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL),
	  NULL },
	{ "C_GetSlotInfo", call_get_slot_info, true, get_slot_info,
	  LISTED(UP, CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_SLOT_ID_INVALID), NULL },
	{ "C_GetTokenInfo", call_get_token_info, true, get_token_info,
	  LISTED(IN_SLOT, CKR_ARGUMENTS_BAD, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED), NULL },
	{ "C_WaitForSlotEvent", call_wait_for_slot_event, true, wait_for_slot_event,
	  LISTED(UP, CKR_ARGUMENTS_BAD, CKR_NO_EVENT),
	  NEVER({ CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: no token comes or goes" }) },
	{ "C_GetMechanismList", call_get_mechanism_list, true, get_mechanism_list,
	  LISTED(IN_SLOT, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED),
	  NULL },
	{ "C_GetMechanismInfo", call_get_mechanism_info, true, get_mechanism_info,
	  LISTED(IN_SLOT, CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED),
	  NULL },
	{ "C_InitToken", call_init_token, true, init_token,
	  LISTED(IN_SLOT, CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
		 CKR_SESSION_EXISTS, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_WRITE_PROTECTED),
	  NEVER(NO_WRITE, { CKR_PIN_INCORRECT, "no PIN is looked at" }, { CKR_PIN_LOCKED, "no PIN is looked at" }) },
	{ "C_InitPIN", call_init_pin, false, init_pin,
	  LISTED(CANCELABLE, CKR_ARGUMENTS_BAD, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_SESSION_READ_ONLY,
		 CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN),
	  NEVER({ CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: there is no security officer" },
		{ CKR_PIN_INVALID, "no security officer" }, { CKR_PIN_LEN_RANGE, "no security officer" },
		{ CKR_SESSION_READ_ONLY, "no security officer" },
		{ CKR_TOKEN_WRITE_PROTECTED, "no security officer" }) },
	{ "C_SetPIN", call_set_pin, false, set_pin,
	  LISTED(CANCELABLE, CKR_ARGUMENTS_BAD, CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED,
		 CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED),
	  NEVER(NO_WRITE, { CKR_PIN_INCORRECT, "no PIN is looked at" }, { CKR_PIN_INVALID, "no PIN is looked at" },
		{ CKR_PIN_LEN_RANGE, "no PIN is looked at" }, { CKR_PIN_LOCKED, "no PIN is looked at" }) },
};
const struct conformance_chapter conformance_slot = CHAPTER("slot_and_token_management", functions);
