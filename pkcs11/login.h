#pragma once
#include "pkcs11/session.h"

/* Who logs in, and with what. */
struct login_attempt {
	CK_USER_TYPE user;
	bool protected; /* no PIN was given (a null pointer): the token authenticates by other means */
	struct bytes pin; /* borrowed; never copied */
};

/* C_Login and C_LoginUser, PKCS #11 2.40, 5.6. May block on the network; no lock is held meanwhile. Afterwards there is
 * a fresh look at the KBS: no back-off counts any longer, and what is held is asked for again at its next use, unless
 * it is only seconds old. */
CK_RV login_user(struct session *s, const struct login_attempt *attempt);

/* C_OpenSession: reads what is to be read before the first session. May block. */
CK_RV login_opens(struct token *t);
