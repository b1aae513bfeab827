#pragma once
#include "common/err.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* "CKR_PIN_INCORRECT"; an unknown code as hexadecimal, into `room`. */
struct cryptoki_name {
	char text[40];
};
const char *cryptoki_name(CK_RV rv, struct cryptoki_name *room);

/* OK for CKR_OK; else "<function>: CKR_..." and: ERR_AUTH (PIN), ERR_DENIED (not logged in, policy), ERR_NET (token or
 * device gone), ERR_KEY (the data or the key do not fit), ERR_UNSUPPORTED (mechanism), ERR_NOMEM, else ERR_PROTO. */
enum err cryptoki_check(CK_RV rv, const char *function, struct errmsg *em) MUST_USE;

/* True if the session, login or module was lost, and another try with a new session may do. */
bool cryptoki_session_lost(CK_RV rv);
