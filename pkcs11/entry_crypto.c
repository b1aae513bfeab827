/* Entry points: encryption, decryption, digests, signatures. PKCS #11 2.40, 5.8 to 5.13. */
#include "common/openssl_errors.h"
#include "pkcs11/crypto_gate.h"
#include "pkcs11/process.h"

static bool is_active(struct session *s, enum operation_kind kind)
{
	pthread_mutex_lock(&s->lock);
	bool active = s->operations[kind].mechanism != NULL;
	pthread_mutex_unlock(&s->lock);
	return active;
}

static CK_RV begin(struct session *s, struct operation_start *start)
{
	pthread_mutex_lock(&s->lock);
	crypto_gate_enter();
	CK_RV rv = operation_begin(&s->operations[start->kind], start);
	crypto_gate_leave();
	pthread_mutex_unlock(&s->lock);
	return rv;
}

static CK_RV init_with_key(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
			   CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (is_active(s, kind))
		return CKR_OPERATION_ACTIVE;
	rv = operation_check(kind, mechanism, &start);
	if (rv != CKR_OK)
		return rv;
	/* The key may have to be fetched: not under the session's lock. */
	AUTO(object) *o = token_object(s->token, key);
	openssl_errors_keep();
	rv = operation_check_key(&start, o);
	if (rv == CKR_OK)
		rv = begin(s, &start);
	operation_start_clear(&start);
	openssl_errors_restore();
	return rv;
}

/* One call of an operation, with the session locked. */
struct call {
	struct session *session;
	struct operation *operation;
};

static CK_RV call_enter(CK_SESSION_HANDLE session, enum operation_kind kind, struct call *call)
{
	CK_RV rv = process_session(session, &call->session);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&call->session->lock);
	crypto_gate_enter();
	openssl_errors_keep();
	call->operation = &call->session->operations[kind];
	return CKR_OK;
}

static CK_RV call_leave(struct call *call, CK_RV rv)
{
	openssl_errors_restore();
	crypto_gate_leave();
	pthread_mutex_unlock(&call->session->lock);
	session_free(call->session);
	return rv;
}

static CK_RV whole(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes in, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_whole(call.operation, in, out)) : rv;
}

static CK_RV update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_update(call.operation, part)) : rv;
}

static CK_RV final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_final(call.operation, out)) : rv;
}

static CK_RV crypt_update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part,
			  struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_crypt_update(call.operation, part, out)) : rv;
}

static CK_RV crypt_final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_crypt_final(call.operation, out)) : rv;
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init_with_key(session, OP_ENCRYPT, mechanism, key);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *encrypted,
		CK_ULONG *encrypted_len)
{
	return whole(session, OP_ENCRYPT, (struct bytes){ data, data_len },
		     (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len, CK_BYTE *encrypted,
		      CK_ULONG *encrypted_len)
{
	return crypt_update(session, OP_ENCRYPT, (struct bytes){ part, part_len },
			    (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE *last, CK_ULONG *last_len)
{
	return crypt_final(session, OP_ENCRYPT, (struct operation_out){ last, last_len });
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init_with_key(session, OP_DECRYPT, mechanism, key);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *data,
		CK_ULONG *data_len)
{
	return whole(session, OP_DECRYPT, (struct bytes){ encrypted, encrypted_len },
		     (struct operation_out){ data, data_len });
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *part,
		      CK_ULONG *part_len)
{
	return crypt_update(session, OP_DECRYPT, (struct bytes){ encrypted, encrypted_len },
			    (struct operation_out){ part, part_len });
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE *last, CK_ULONG *last_len)
{
	return crypt_final(session, OP_DECRYPT, (struct operation_out){ last, last_len });
}

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	AUTO(session) *s = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (is_active(s, OP_DIGEST))
		return CKR_OPERATION_ACTIVE;
	rv = operation_check(OP_DIGEST, mechanism, &start);
	openssl_errors_keep();
	if (rv == CKR_OK)
		rv = begin(s, &start);
	openssl_errors_restore();
	return rv;
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *digest, CK_ULONG *digest_len)
{
	return whole(session, OP_DIGEST, (struct bytes){ data, data_len },
		     (struct operation_out){ digest, digest_len });
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return update(session, OP_DIGEST, (struct bytes){ part, part_len });
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!is_active(s, OP_DIGEST))
		return CKR_OPERATION_NOT_INITIALIZED;
	pthread_mutex_lock(&s->lock);
	rv = operation_refuse_part(&s->operations[OP_DIGEST]);
	pthread_mutex_unlock(&s->lock);
	(void)key;
	return rv;
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE *digest, CK_ULONG *digest_len)
{
	return final(session, OP_DIGEST, (struct operation_out){ digest, digest_len });
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init_with_key(session, OP_SIGN, mechanism, key);
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	return whole(session, OP_SIGN, (struct bytes){ data, data_len },
		     (struct operation_out){ signature, signature_len });
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return update(session, OP_SIGN, (struct bytes){ part, part_len });
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *signature_len)
{
	return final(session, OP_SIGN, (struct operation_out){ signature, signature_len });
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init_with_key(session, OP_VERIFY, mechanism, key);
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
	return update(session, OP_VERIFY, (struct bytes){ part, part_len });
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct call call;
	CK_RV rv = call_enter(session, OP_VERIFY, &call);
	struct bytes sig = { signature, signature_len };
	return rv == CKR_OK ? call_leave(&call, operation_verify_final(call.operation, sig)) : rv;
}
