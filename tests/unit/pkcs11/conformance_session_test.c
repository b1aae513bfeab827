/* Session management: PKCS #11 2.40 and 3.0, 5.6. */
#include "tests/unit/pkcs11/conformance.h"

static CK_SESSION_INFO session_info;
static CK_SESSION_HANDLE made;

static CK_RV call_open_session(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &made);
}

static void open_session(void)
{
	CK_FLAGS serial = CKF_SERIAL_SESSION;
	gives(CKR_ARGUMENTS_BAD, f->C_OpenSession(0, serial, NULL, NULL, NULL));
	gives(CKR_SLOT_ID_INVALID, f->C_OpenSession(4711, serial, NULL, NULL, &made));
	gives(CKR_SESSION_PARALLEL_NOT_SUPPORTED, f->C_OpenSession(0, 0, NULL, NULL, &made));
	gives(CKR_SESSION_PARALLEL_NOT_SUPPORTED, f->C_OpenSession(0, CKF_RW_SESSION, NULL, NULL, &made));
	gives(CKR_OK, f->C_OpenSession(0, serial | CKF_RW_SESSION, NULL, NULL, &made));
	CK_RV rv = CKR_OK;
	for (size_t i = 0; rv == CKR_OK && i <= 65536; i++)
		rv = f->C_OpenSession(0, serial, NULL, NULL, &made);
	gives(CKR_SESSION_COUNT, rv);
}

static CK_RV call_close_session(CK_SESSION_HANDLE session)
{
	return f->C_CloseSession(session);
}

static void close_session(void)
{
	gives(CKR_OK, f->C_CloseSession(s));
	gives(CKR_SESSION_HANDLE_INVALID, f->C_CloseSession(s));
}

static CK_RV call_close_all_sessions(CK_SESSION_HANDLE session)
{
	(void)session;
	return f->C_CloseAllSessions(0);
}

static void close_all_sessions(void)
{
	gives(CKR_SLOT_ID_INVALID, f->C_CloseAllSessions(4711));
	gives(CKR_OK, f->C_CloseAllSessions(0));
	check_rv(CKR_SESSION_HANDLE_INVALID, f->C_CloseSession(s));
}

static CK_RV call_get_session_info(CK_SESSION_HANDLE session)
{
	return f->C_GetSessionInfo(session, &session_info);
}

static void get_session_info(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_GetSessionInfo(s, NULL));
	gives(CKR_OK, f->C_GetSessionInfo(s, &session_info));
	assert_int_equal(session_info.state, CKS_RW_PUBLIC_SESSION);
	check_rv(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
	gives(CKR_OK, f->C_GetSessionInfo(s, &session_info));
	assert_int_equal(session_info.state, CKS_RW_USER_FUNCTIONS);
	check_rv(CKR_OK, f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &made));
	gives(CKR_OK, f->C_GetSessionInfo(made, &session_info));
	assert_int_equal(session_info.state, CKS_RO_USER_FUNCTIONS);
}

static CK_RV call_get_operation_state(CK_SESSION_HANDLE session)
{
	return f->C_GetOperationState(session, out, out_full());
}

static void get_operation_state(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_GetOperationState(s, out, NULL));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_GetOperationState(s, out, out_full()));
	/* It is asked in the middle, and disturbs nothing. */
	check_rv(CKR_OK, f->C_SignInit(s, &rsa_sha256, rsa));
	check_rv(CKR_OK, f->C_SignUpdate(s, data, 10));
	gives(CKR_STATE_UNSAVEABLE, f->C_GetOperationState(s, NULL, &len));
	gives(CKR_STATE_UNSAVEABLE, f->C_GetOperationState(s, out, out_full()));
	check_rv(CKR_OK, f->C_SignUpdate(s, data + 10, 10));
	check_rv(CKR_OK, f->C_SignFinal(s, out, out_full()));
	check_rv(CKR_OK, f->C_VerifyInit(s, &rsa_sha256, rsa_public));
	check_rv(CKR_OK, f->C_Verify(s, data, 20, out, len));
}

static CK_RV call_set_operation_state(CK_SESSION_HANDLE session)
{
	return f->C_SetOperationState(session, data, 1, 0, 0);
}

static void set_operation_state(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_SetOperationState(s, NULL, 0, 0, 0));
	gives(CKR_SAVED_STATE_INVALID, f->C_SetOperationState(s, data, sizeof(data), 0, 0));
	gives(CKR_SAVED_STATE_INVALID, f->C_SetOperationState(s, data, sizeof(data), aes, aes));
}

static CK_RV call_login(CK_SESSION_HANDLE session)
{
	return f->C_Login(session, CKU_USER, data, 1);
}

static void login(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_Login(s, CKU_USER, NULL, 4));
	gives(CKR_USER_TYPE_INVALID, f->C_Login(s, 77, data, 4));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_Login(s, CKU_CONTEXT_SPECIFIC, data, 4));
	gives(CKR_PIN_INCORRECT, f->C_Login(s, CKU_SO, data, 4));
	check_rv(CKR_OK, f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &made));
	gives(CKR_SESSION_READ_ONLY_EXISTS, f->C_Login(s, CKU_SO, data, 4));
	gives(CKR_OK, f->C_Login(s, CKU_USER, data, 4));
	gives(CKR_USER_ALREADY_LOGGED_IN, f->C_Login(made, CKU_USER, data, 4));
}

static CK_RV call_logout(CK_SESSION_HANDLE session)
{
	return f->C_Logout(session);
}

static void logout(void)
{
	gives(CKR_USER_NOT_LOGGED_IN, f->C_Logout(s));
	check_rv(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
	gives(CKR_OK, f->C_Logout(s));
	gives(CKR_USER_NOT_LOGGED_IN, f->C_Logout(s));
}

static CK_RV call_login_user(CK_SESSION_HANDLE session)
{
	return f->C_LoginUser(session, CKU_USER, data, 1, NULL, 0);
}

static void login_user(void)
{
	gives(CKR_ARGUMENTS_BAD, f->C_LoginUser(s, CKU_USER, NULL, 4, NULL, 0));
	gives(CKR_ARGUMENTS_BAD, f->C_LoginUser(s, CKU_USER, data, 4, NULL, 4));
	gives(CKR_USER_TYPE_INVALID, f->C_LoginUser(s, 77, data, 4, NULL, 0));
	gives(CKR_OPERATION_NOT_INITIALIZED, f->C_LoginUser(s, CKU_CONTEXT_SPECIFIC, data, 4, NULL, 0));
	gives(CKR_PIN_INCORRECT, f->C_LoginUser(s, CKU_USER, data, 4, data, 4));
	check_rv(CKR_OK, f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &made));
	gives(CKR_SESSION_READ_ONLY_EXISTS, f->C_LoginUser(s, CKU_SO, data, 4, NULL, 0));
	gives(CKR_OK, f->C_LoginUser(s, CKU_USER, data, 4, NULL, 0));
	gives(CKR_USER_ALREADY_LOGGED_IN, f->C_LoginUser(s, CKU_USER, data, 4, NULL, 0));
}

static CK_RV call_session_cancel(CK_SESSION_HANDLE session)
{
	return f->C_SessionCancel(session, CKF_DIGEST);
}

static void session_cancel(void)
{
	static const CK_FLAGS everything = ~(CK_FLAGS)0;
	gives(CKR_OK, f->C_SessionCancel(s, 0));
	gives(CKR_OK, f->C_SessionCancel(s, everything)); /* nothing is active, and some flags are no operation's */
	check_rv(CKR_OK, f->C_DigestInit(s, &sha256));
	check_rv(CKR_OK, f->C_SignInit(s, &rsa_sha256, rsa));
	check_rv(CKR_OK, f->C_EncryptInit(s, &ecb, aes));
	check_rv(CKR_OK, f->C_FindObjectsInit(s, NULL, 0));
	/* One half of a dual operation; the other goes on. */
	gives(CKR_OK, f->C_SessionCancel(s, CKF_DIGEST | CKF_FIND_OBJECTS));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_DigestUpdate(s, data, 1));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjectsFinal(s));
	check_rv(CKR_OK, f->C_SignUpdate(s, data, 1));
	gives(CKR_OK, f->C_SessionCancel(s, CKF_SIGN));
	check_rv(CKR_OPERATION_NOT_INITIALIZED, f->C_SignUpdate(s, data, 1));
	check_rv(CKR_OK, f->C_Encrypt(s, data, 16, out, out_full()));
}

#define LOGIN_LIST                                                                                                     \
	LISTED(CANCELABLE, CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED,        \
	       CKR_SESSION_READ_ONLY_EXISTS, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN,           \
	       CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID)
#define LOGIN_NEVER                                                                                                    \
	NEVER({ CKR_PIN_LOCKED, "wrong PINs are slowed down, where there is one" },                                    \
	      { CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "no security officer can be" },                                    \
	      { CKR_USER_PIN_NOT_INITIALIZED, "a token without PIN takes any" },                                       \
	      { CKR_USER_TOO_MANY_TYPES, "there is one type" })

static const struct conformance_function functions[] = {
	{ "C_OpenSession", call_open_session, true, open_session,
	  LISTED(IN_SLOT, CKR_ARGUMENTS_BAD, CKR_SESSION_COUNT, CKR_SESSION_PARALLEL_NOT_SUPPORTED,
		 CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED,
		 CKR_TOKEN_WRITE_PROTECTED),
	  NEVER({ CKR_SESSION_READ_WRITE_SO_EXISTS, "no security officer can log in" },
		{ CKR_TOKEN_WRITE_PROTECTED, "a session to write opens all the same: many programs want one" }) },
	{ "C_CloseSession", call_close_session, false, close_session, LISTED(IN_SESSION), NULL },
	{ "C_CloseAllSessions", call_close_all_sessions, true, close_all_sessions,
	  LISTED(IN_SLOT, CKR_TOKEN_NOT_PRESENT), NULL },
	{ "C_GetSessionInfo", call_get_session_info, false, get_session_info, LISTED(IN_SESSION, CKR_ARGUMENTS_BAD),
	  NULL },
	{ "C_GetOperationState", call_get_operation_state, false, get_operation_state,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_OPERATION_NOT_INITIALIZED,
		 CKR_STATE_UNSAVEABLE),
	  NEVER({ CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: OpenSSL's states cannot leave it" },
		{ CKR_BUFFER_TOO_SMALL, "there is no state to give" }) },
	{ "C_SetOperationState", call_set_operation_state, false, set_operation_state,
	  LISTED(IN_SESSION, CKR_ARGUMENTS_BAD, CKR_KEY_CHANGED, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED,
		 CKR_SAVED_STATE_INVALID),
	  NEVER({ CKR_FUNCTION_NOT_SUPPORTED, "it never succeeds: no state was saved" },
		{ CKR_KEY_CHANGED, "no state was saved" }, { CKR_KEY_NEEDED, "no state was saved" },
		{ CKR_KEY_NOT_NEEDED, "no state was saved" }) },
	{ "C_Login", call_login, false, login, LOGIN_LIST, LOGIN_NEVER },
	{ "C_Logout", call_logout, false, logout, LISTED(IN_SESSION, CKR_USER_NOT_LOGGED_IN), NULL },
};
const struct conformance_chapter conformance_session = CHAPTER("session_management", functions);

static const struct conformance_function functions_3_0[] = {
	{ "C_LoginUser", call_login_user, false, login_user, LOGIN_LIST, LOGIN_NEVER },
	{ "C_SessionCancel", call_session_cancel, false, session_cancel,
	  LISTED(IN_SESSION, CKR_OPERATION_CANCEL_FAILED, CKR_TOKEN_NOT_PRESENT), NULL },
};
const struct conformance_chapter conformance_session_3_0 = { "session_management_of_3_0", functions_3_0,
							     ARRAY_LEN(functions_3_0), true };
