/* Entry points: signatures. PKCS #11 2.40, 5.11. */
#include "pkcs11/call.h"

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_SIGN, mechanism, key);
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	return call_whole(session, OP_SIGN, (struct bytes){ data, data_len },
			  (struct operation_out){ signature, signature_len });
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return call_update(session, OP_SIGN, (struct bytes){ part, part_len });
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *signature_len)
{
	return call_final(session, OP_SIGN, (struct operation_out){ signature, signature_len });
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_VERIFY, mechanism, key);
}

CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct call call;
	CK_RV rv = call_enter(session, OP_VERIFY, &call);
	if (rv != CKR_OK)
		return rv;
	struct bytes in = { data, data_len }, sig = { signature, signature_len };
	return call_leave(&call, operation_verify(call.operation, in, sig));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return call_update(session, OP_VERIFY, (struct bytes){ part, part_len });
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct call call;
	CK_RV rv = call_enter(session, OP_VERIFY, &call);
	struct bytes sig = { signature, signature_len };
	return rv == CKR_OK ? call_leave(&call, operation_verify_final(call.operation, sig)) : rv;
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_SIGN_RECOVER, mechanism, key);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
		    CK_ULONG *signature_len)
{
	return call_whole(session, OP_SIGN_RECOVER, (struct bytes){ data, data_len },
			  (struct operation_out){ signature, signature_len });
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_VERIFY_RECOVER, mechanism, key);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len, CK_BYTE *data,
		      CK_ULONG *data_len)
{
	return call_whole(session, OP_VERIFY_RECOVER, (struct bytes){ signature, signature_len },
			  (struct operation_out){ data, data_len });
}
