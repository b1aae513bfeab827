#pragma once
#include "pkcs11/process.h"

/* One call of an operation, with its session locked. Between enter and leave nothing may block on the network. */
struct call {
	struct session *session;
	struct operation *operation;
};
/* CKR_OK: call_leave() is due, and gives its `rv` back. */
CK_RV call_enter(CK_SESSION_HANDLE session, enum operation_kind kind, struct call *call);
CK_RV call_leave(struct call *call, CK_RV rv);

/* Without a mechanism: ends the operation (PKCS #11 3.0, 5.8.1); CKR_ARGUMENTS_BAD, as in 2.40, where none is active.
 */
CK_RV call_init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
		CK_OBJECT_HANDLE key);
CK_RV call_whole(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes in, struct operation_out out);
CK_RV call_update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part);
CK_RV call_final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out);
CK_RV call_crypt_update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part,
			struct operation_out out);
CK_RV call_crypt_final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out);
/* C_DigestEncryptUpdate and its like. */
struct call_pair {
	enum operation_kind crypt, absorber;
};
CK_RV call_dual_update(CK_SESSION_HANDLE session, struct call_pair kinds, struct bytes part, struct operation_out out);
