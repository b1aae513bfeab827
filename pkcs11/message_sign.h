#pragma once
#include "pkcs11/operation.h"

/* Signatures of many messages with one key and mechanism, and their verification: PKCS #11 3.0, 5.14 and 5.16. No
 * mechanism here has parameters of its own for each message. An error ends the message and not the process. The caller
 * holds the session's lock and is inside the crypto gate. */
struct message_sign;

/* Whether a mechanism that signs can do so: not where it needs a parameter that cannot be kept. */
bool message_sign_takes(const struct mechanism *m);
/* After operation_check(): only what can be begun again and again. CKR_MECHANISM_PARAM_INVALID. */
CK_RV message_sign_check(const struct operation_start *start);
CK_RV message_sign_new(struct operation_start *start, struct message_sign **out);
void message_sign_free(struct message_sign *m);
AUTO_DEFINE(message_sign)
bool message_sign_in_parts(const struct message_sign *m);
/* As session_awaits_login() and session_context_login(): one login for the process. */
bool message_sign_awaits_login(const struct message_sign *m);
void message_sign_login(struct message_sign *m);

CK_RV message_sign_whole(struct message_sign *m, struct bytes in, struct operation_out out);
CK_RV message_sign_begin(struct message_sign *m);
/* out.len NULL: more is to come. */
CK_RV message_sign_next(struct message_sign *m, struct bytes part, struct operation_out out);
CK_RV message_verify_whole(struct message_sign *m, struct bytes in, struct bytes signature);
/* signature.data NULL: more is to come. */
CK_RV message_verify_next(struct message_sign *m, struct bytes part, struct bytes signature);
