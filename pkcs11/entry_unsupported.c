/* Entry points of what this token does not do: recovery and dual functions. Each still says
 * first whether Cryptoki is up and the session there. PKCS #11 2.40, 5.11, 5.12, 5.13, 5.14. */
#include "pkcs11/process.h"

static CK_RV refuse(CK_SESSION_HANDLE session, bool arguments_good)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	return arguments_good ? CKR_FUNCTION_NOT_SUPPORTED : CKR_ARGUMENTS_BAD;
}

/* No operation of these kinds can ever have been begun. */
static CK_RV never_begun(CK_SESSION_HANDLE session)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	return rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv;
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)key;
	return refuse(session, mechanism != NULL);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
		    CK_ULONG *signature_len)
{
	(void)data;
	(void)data_len;
	(void)signature;
	(void)signature_len;
	return never_begun(session);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)key;
	return refuse(session, mechanism != NULL);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len, CK_BYTE *data,
		      CK_ULONG *data_len)
{
	(void)signature;
	(void)signature_len;
	(void)data;
	(void)data_len;
	return never_begun(session);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
			    CK_ULONG *encrypted_len)
{
	(void)encrypted;
	return refuse(session, (part || !part_len) && encrypted_len);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
			    CK_ULONG *part_len)
{
	(void)part;
	return refuse(session, (encrypted || !encrypted_len) && part_len);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
			  CK_ULONG *encrypted_len)
{
	(void)encrypted;
	return refuse(session, (part || !part_len) && encrypted_len);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
			    CK_ULONG *part_len)
{
	(void)part;
	return refuse(session, (encrypted || !encrypted_len) && part_len);
}
