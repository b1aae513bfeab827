#pragma once
#include "pkcs11/session.h"

/* What one process has of the module: C_Initialize's state, slots, sessions. A forked child starts with none of it and
 * never touches a lock that it inherited. Calls that come in from inside the module are refused. */

CK_RV process_initialize(const CK_C_INITIALIZE_ARGS *args);
/* Does not wait for calls in flight: they finish on what they hold. */
CK_RV process_finalize(void);
/* False where the application said CKF_LIBRARY_CANT_CREATE_OS_THREADS: then no thread may be made. */
bool process_may_create_threads(void);
/* C_WaitForSlotEvent without CKF_DONT_BLOCK: nothing is ever put in or taken out, so it ends with C_Finalize. */
CK_RV process_wait(void);
/* CKR_OK if Cryptoki may be called now. */
CK_RV process_check(void);

/* C_GetSlotList, with its two ways to ask. */
CK_RV process_slots(bool present, CK_SLOT_ID *slots, CK_ULONG *count);
CK_RV process_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info);
/* The token in a slot: a reference. CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT. */
CK_RV process_token(CK_SLOT_ID slot, struct token **out);
/* A copy of the token's information, with its session counts. */
CK_RV process_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info);

CK_RV process_open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *out);
/* out: a reference. CKR_SESSION_HANDLE_INVALID. */
CK_RV process_session(CK_SESSION_HANDLE handle, struct session **out);
CK_RV process_session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);
CK_RV process_close_session(CK_SESSION_HANDLE handle);
CK_RV process_close_all(CK_SLOT_ID slot);
/* Whether this user may log in now, as far as the state of the token goes; PIN and KBS are login.h's matter. */
CK_RV process_login_check(struct session *s, CK_USER_TYPE user);
/* CKU_USER is logged in from here. CKR_USER_ALREADY_LOGGED_IN, CKR_SESSION_CLOSED: somebody was faster. */
CK_RV process_login(struct session *s);
CK_RV process_logout(struct session *s);
