/* Entry points: encryption, decryption, and what goes together with them. PKCS #11 2.40, 5.8, 5.9, 5.12. */
#include "pkcs11/call.h"

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_ENCRYPT, mechanism, key);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *encrypted,
		CK_ULONG *encrypted_len)
{
	return call_whole(session, OP_ENCRYPT, (struct bytes){ data, data_len },
			  (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
		      CK_ULONG *encrypted_len)
{
	return call_crypt_update(session, OP_ENCRYPT, (struct bytes){ part, part_len },
				 (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE *last, CK_ULONG *last_len)
{
	return call_crypt_final(session, OP_ENCRYPT, (struct operation_out){ last, last_len });
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return call_init(session, OP_DECRYPT, mechanism, key);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *data,
		CK_ULONG *data_len)
{
	return call_whole(session, OP_DECRYPT, (struct bytes){ encrypted, encrypted_len },
			  (struct operation_out){ data, data_len });
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
		      CK_ULONG *part_len)
{
	return call_crypt_update(session, OP_DECRYPT, (struct bytes){ encrypted, encrypted_len },
				 (struct operation_out){ part, part_len });
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE *last, CK_ULONG *last_len)
{
	return call_crypt_final(session, OP_DECRYPT, (struct operation_out){ last, last_len });
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
			    CK_ULONG *encrypted_len)
{
	return call_dual_update(session, (struct call_pair){ OP_ENCRYPT, OP_DIGEST }, (struct bytes){ part, part_len },
				(struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
			    CK_ULONG *part_len)
{
	return call_dual_update(session, (struct call_pair){ OP_DECRYPT, OP_DIGEST },
				(struct bytes){ encrypted, encrypted_len }, (struct operation_out){ part, part_len });
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
			  CK_ULONG *encrypted_len)
{
	return call_dual_update(session, (struct call_pair){ OP_ENCRYPT, OP_SIGN }, (struct bytes){ part, part_len },
				(struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
			    CK_ULONG *part_len)
{
	return call_dual_update(session, (struct call_pair){ OP_DECRYPT, OP_VERIFY },
				(struct bytes){ encrypted, encrypted_len }, (struct operation_out){ part, part_len });
}
