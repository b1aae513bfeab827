/* Entry points: sessions, login, random numbers, and what belongs to a session otherwise. PKCS #11 2.40, 5.6, 5.15. */
#include "common/crypto_gate.h"
#include "common/libctx.h"
#include "common/openssl_errors.h"
#include "pkcs11/login.h"
#include "pkcs11/process.h"

#include <openssl/err.h>
#include <openssl/rand.h>

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	(void)application;
	(void)notify; /* there is nothing to notify of */
	CK_RV rv = process_check();
	if (rv != CKR_OK)
		return rv;
	if (!out)
		return CKR_ARGUMENTS_BAD;
	if (!(flags & CKF_SERIAL_SESSION))
		return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	AUTO(token) *token = NULL;
	rv = process_token(slot, &token);
	if (rv == CKR_OK)
		rv = login_opens(token);
	if (rv != CKR_OK)
		return rv;
	/* The token is write protected; a session that could write, if only it were not, is opened all the same. */
	return process_open_session(slot, flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION), out);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
	return process_close_session(session);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
	return process_close_all(slot);
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	CK_RV rv = process_check();
	if (rv != CKR_OK)
		return rv;
	return info ? process_session_info(session, info) : CKR_ARGUMENTS_BAD;
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (pin_len && !pin)
		return CKR_ARGUMENTS_BAD;
	return login_user(s, &(struct login_attempt){ user, !pin, { pin, pin_len } });
}

/* 3.0, 5.6.9. The token's one user has no name: whoever gives one is somebody else. */
CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *name,
		  CK_ULONG name_len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (name_len && !name)
		return CKR_ARGUMENTS_BAD;
	if (name_len && user == CKU_USER)
		return CKR_PIN_INCORRECT;
	return C_Login(session, user, pin, pin_len);
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	return rv == CKR_OK ? process_logout(s) : rv;
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG pin_len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	/* Only a security officer sets it, and none can log in. */
	return pin_len && !pin ? CKR_ARGUMENTS_BAD : CKR_USER_NOT_LOGGED_IN;
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_len, CK_UTF8CHAR *new_pin,
	       CK_ULONG new_len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if ((old_len && !old_pin) || (new_len && !new_pin))
		return CKR_ARGUMENTS_BAD;
	return s->flags & CKF_RW_SESSION ? CKR_TOKEN_WRITE_PROTECTED : CKR_SESSION_READ_ONLY;
}

/* 3.0, 5.6.5. No operation is ever out of reach: CKR_OPERATION_CANCEL_FAILED does not happen. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv == CKR_OK)
		session_cancel(s, flags);
	return rv;
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG *state_len)
{
	(void)state;
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!state_len)
		return CKR_ARGUMENTS_BAD;
	/* OpenSSL has no form of a half-done digest or cipher that could leave it. Nothing is disturbed. */
	return session_is_busy(s) ? CKR_STATE_UNSAVEABLE : CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG state_len,
			  CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
	(void)state_len;
	(void)encryption_key;
	(void)authentication_key;
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	return state ? CKR_SAVED_STATE_INVALID : CKR_ARGUMENTS_BAD;
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG seed_len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	return seed_len && !seed ? CKR_ARGUMENTS_BAD : CKR_RANDOM_SEED_NOT_SUPPORTED;
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (len && !data)
		return CKR_ARGUMENTS_BAD;
	crypto_gate_enter();
	openssl_errors_keep();
	bool good = !len || RAND_bytes_ex(libctx(), data, len, 0) == 1;
	openssl_errors_restore();
	crypto_gate_leave();
	return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* 5.16: left from the days of parallel functions. */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	return rv == CKR_OK ? CKR_FUNCTION_NOT_PARALLEL : rv;
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	return rv == CKR_OK ? CKR_FUNCTION_NOT_PARALLEL : rv;
}
