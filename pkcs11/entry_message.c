/* Entry points: encryption and decryption by messages. PKCS #11 3.0, 5.9 and 5.11. */
#include "common/openssl_errors.h"
#include "pkcs11/crypto_gate.h"
#include "pkcs11/process.h"

/* Puts the process there unless another thread was first; takes it where it does. */
static CK_RV publish(struct session *s, enum operation_kind kind, struct message **m)
{
	pthread_mutex_lock(&s->lock);
	bool free_now = !s->messages[kind];
	if (free_now)
		s->messages[kind] = steal(m);
	pthread_mutex_unlock(&s->lock);
	return free_now ? CKR_OK : CKR_OPERATION_ACTIVE;
}

static bool is_active(struct session *s, enum operation_kind kind)
{
	pthread_mutex_lock(&s->lock);
	bool active = s->messages[kind] != NULL;
	pthread_mutex_unlock(&s->lock);
	return active;
}

static CK_RV init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
		  CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	AUTO(message) *m = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	bool active = is_active(s, kind);
	if (!mechanism) {
		session_cancel(s, kind == OP_ENCRYPT ? CKF_MESSAGE_ENCRYPT : CKF_MESSAGE_DECRYPT);
		return active ? CKR_OK : CKR_ARGUMENTS_BAD;
	}
	if (active)
		return CKR_OPERATION_ACTIVE;
	rv = message_check(kind, mechanism, &start);
	if (rv != CKR_OK)
		return rv;
	/* The key may have to be fetched: not under the session's lock. */
	AUTO(object) *o = token_object(s->token, key);
	openssl_errors_keep();
	rv = operation_check_key(&start, o);
	if (rv == CKR_OK)
		rv = message_new(&start, &m);
	if (rv == CKR_OK)
		rv = publish(s, kind, &m);
	operation_start_clear(&start);
	openssl_errors_restore();
	return rv;
}

/* CKR_OK: leave() is due. */
static CK_RV enter(CK_SESSION_HANDLE session, enum operation_kind kind, struct session **out)
{
	CK_RV rv = process_session(session, out);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&(*out)->lock);
	if ((*out)->messages[kind]) {
		crypto_gate_enter();
		openssl_errors_keep();
		return CKR_OK;
	}
	pthread_mutex_unlock(&(*out)->lock);
	session_free(*out);
	return CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV leave(struct session *s, CK_RV rv)
{
	openssl_errors_restore();
	crypto_gate_leave();
	pthread_mutex_unlock(&s->lock);
	session_free(s);
	return rv;
}

static CK_RV whole(CK_SESSION_HANDLE session, enum operation_kind kind, const struct message_call *call,
		   struct bytes in, struct operation_out out)
{
	struct session *s = NULL;
	CK_RV rv = enter(session, kind, &s);
	return rv == CKR_OK ? leave(s, message_whole(s->messages[kind], call, in, out)) : rv;
}

static CK_RV begin(CK_SESSION_HANDLE session, enum operation_kind kind, const struct message_call *call)
{
	struct session *s = NULL;
	CK_RV rv = enter(session, kind, &s);
	return rv == CKR_OK ? leave(s, message_begin(s->messages[kind], call)) : rv;
}

static CK_RV final(CK_SESSION_HANDLE session, enum operation_kind kind)
{
	struct session *s = NULL;
	CK_RV rv = enter(session, kind, &s);
	if (rv != CKR_OK)
		return rv;
	if (message_in_parts(s->messages[kind]))
		return leave(s, CKR_OPERATION_ACTIVE);
	message_free(s->messages[kind]);
	s->messages[kind] = NULL;
	return leave(s, CKR_OK);
}

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_ENCRYPT, mechanism, key);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
		       CK_ULONG aad_len, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *encrypted, CK_ULONG *encrypted_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return whole(session, OP_ENCRYPT, &call, (struct bytes){ data, data_len },
		     (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
			    CK_ULONG aad_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return begin(session, OP_ENCRYPT, &call);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			   CK_ULONG part_len, CK_BYTE *encrypted, CK_ULONG *encrypted_len, CK_FLAGS flags)
{
	struct session *s = NULL;
	struct message_call call = { parameter, parameter_len, { NULL, 0 } };
	CK_RV rv = enter(session, OP_ENCRYPT, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_next(s->messages[OP_ENCRYPT], &call, (struct bytes){ part, part_len },
				     (struct operation_out){ encrypted, encrypted_len }, flags));
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_ENCRYPT);
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_DECRYPT, mechanism, key);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
		       CK_ULONG aad_len, CK_BYTE *encrypted, CK_ULONG encrypted_len, CK_BYTE *data, CK_ULONG *data_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return whole(session, OP_DECRYPT, &call, (struct bytes){ encrypted, encrypted_len },
		     (struct operation_out){ data, data_len });
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
			    CK_ULONG aad_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return begin(session, OP_DECRYPT, &call);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *encrypted,
			   CK_ULONG encrypted_len, CK_BYTE *part, CK_ULONG *part_len, CK_FLAGS flags)
{
	struct session *s = NULL;
	struct message_call call = { parameter, parameter_len, { NULL, 0 } };
	CK_RV rv = enter(session, OP_DECRYPT, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_next(s->messages[OP_DECRYPT], &call, (struct bytes){ encrypted, encrypted_len },
				     (struct operation_out){ part, part_len }, flags));
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_DECRYPT);
}
