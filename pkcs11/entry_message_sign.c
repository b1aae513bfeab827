/* Entry points: signatures by messages, and their verification. PKCS #11 3.0, 5.14 and 5.16. */
#include "common/openssl_errors.h"
#include "pkcs11/crypto_gate.h"
#include "pkcs11/process.h"

static size_t place(enum operation_kind kind)
{
	return kind == OP_SIGN ? 0 : 1;
}

/* Puts the process there unless another thread was first; takes it where it does. */
static CK_RV publish(struct session *s, enum operation_kind kind, struct message_sign **m)
{
	pthread_mutex_lock(&s->lock);
	bool free_now = !s->signed_messages[place(kind)];
	if (free_now)
		s->signed_messages[place(kind)] = steal(m);
	pthread_mutex_unlock(&s->lock);
	return free_now ? CKR_OK : CKR_OPERATION_ACTIVE;
}

static bool is_active(struct session *s, enum operation_kind kind)
{
	pthread_mutex_lock(&s->lock);
	bool active = s->signed_messages[place(kind)] != NULL;
	pthread_mutex_unlock(&s->lock);
	return active;
}

static CK_RV init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
		  CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	AUTO(message_sign) *m = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	bool active = is_active(s, kind);
	if (!mechanism) {
		session_cancel(s, kind == OP_SIGN ? CKF_MESSAGE_SIGN : CKF_MESSAGE_VERIFY);
		return active ? CKR_OK : CKR_ARGUMENTS_BAD;
	}
	if (active)
		return CKR_OPERATION_ACTIVE;
	rv = operation_check(kind, mechanism, &start);
	if (rv == CKR_OK)
		rv = message_sign_check(&start);
	if (rv != CKR_OK)
		return rv;
	/* The key may have to be fetched: not under the session's lock. */
	AUTO(object) *o = token_object(s->token, key);
	openssl_errors_keep();
	rv = operation_check_key(&start, o);
	if (rv == CKR_OK) {
		crypto_gate_enter();
		rv = message_sign_new(&start, &m);
		crypto_gate_leave();
	}
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
	if ((*out)->signed_messages[place(kind)]) {
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

/* There are no parameters for each message. */
static CK_RV enter_without(CK_SESSION_HANDLE session, enum operation_kind kind, bool parameter, struct session **out)
{
	CK_RV rv = enter(session, kind, out);
	return rv == CKR_OK && parameter ? leave(*out, CKR_MECHANISM_PARAM_INVALID) : rv;
}

static CK_RV begin(CK_SESSION_HANDLE session, enum operation_kind kind, bool parameter)
{
	struct session *s = NULL;
	CK_RV rv = enter_without(session, kind, parameter, &s);
	return rv == CKR_OK ? leave(s, message_sign_begin(s->signed_messages[place(kind)])) : rv;
}

static CK_RV final(CK_SESSION_HANDLE session, enum operation_kind kind)
{
	struct session *s = NULL;
	CK_RV rv = enter(session, kind, &s);
	if (rv != CKR_OK)
		return rv;
	struct message_sign **m = &s->signed_messages[place(kind)];
	if (message_sign_in_parts(*m))
		return leave(s, CKR_OPERATION_ACTIVE);
	message_sign_free(*m);
	*m = NULL;
	return leave(s, CKR_OK);
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_SIGN, mechanism, key);
}

CK_RV C_SignMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *data,
		    CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct session *s = NULL;
	CK_RV rv = enter_without(session, OP_SIGN, parameter || parameter_len, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_sign_whole(s->signed_messages[0], (struct bytes){ data, data_len },
					   (struct operation_out){ signature, signature_len }));
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len)
{
	return begin(session, OP_SIGN, parameter || parameter_len);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			CK_ULONG part_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct session *s = NULL;
	CK_RV rv = enter_without(session, OP_SIGN, parameter || parameter_len, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_sign_next(s->signed_messages[0], (struct bytes){ part, part_len },
					  (struct operation_out){ signature, signature_len }));
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_SIGN);
}

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_VERIFY, mechanism, key);
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *data,
		      CK_ULONG data_len, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct session *s = NULL;
	CK_RV rv = enter_without(session, OP_VERIFY, parameter || parameter_len, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_verify_whole(s->signed_messages[1], (struct bytes){ data, data_len },
					     (struct bytes){ signature, signature_len }));
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len)
{
	return begin(session, OP_VERIFY, parameter || parameter_len);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			  CK_ULONG part_len, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct session *s = NULL;
	CK_RV rv = enter_without(session, OP_VERIFY, parameter || parameter_len, &s);
	if (rv != CKR_OK)
		return rv;
	return leave(s, message_verify_next(s->signed_messages[1], (struct bytes){ part, part_len },
					    (struct bytes){ signature, signature_len }));
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_VERIFY);
}
