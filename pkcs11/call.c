#include "pkcs11/call.h"

#include "common/crypto_gate.h"
#include "common/openssl_errors.h"

static CK_RV begin(struct session *s, struct operation_start *start)
{
	pthread_mutex_lock(&s->lock);
	crypto_gate_enter();
	CK_RV rv = operation_begin(&s->operations[start->kind], start);
	crypto_gate_leave();
	pthread_mutex_unlock(&s->lock);
	return rv;
}

static CK_RV cancel(struct session *s, enum operation_kind kind)
{
	pthread_mutex_lock(&s->lock);
	bool active = s->operations[kind].mechanism != NULL;
	operation_end(&s->operations[kind]);
	pthread_mutex_unlock(&s->lock);
	return active ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV call_init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
		CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!mechanism)
		return cancel(s, kind);
	if (session_is_active(s, kind))
		return CKR_OPERATION_ACTIVE;
	rv = operation_check(kind, mechanism, &start);
	if (rv != CKR_OK)
		return rv;
	/* The key may have to be fetched: not under the session's lock. */
	AUTO(object) *o = kind == OP_DIGEST ? NULL : token_object(s->token, key);
	openssl_errors_keep();
	if (kind != OP_DIGEST)
		rv = operation_check_key(&start, o);
	if (rv == CKR_OK)
		rv = begin(s, &start);
	operation_start_clear(&start);
	openssl_errors_restore();
	return rv;
}

CK_RV call_enter(CK_SESSION_HANDLE session, enum operation_kind kind, struct call *call)
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

CK_RV call_leave(struct call *call, CK_RV rv)
{
	openssl_errors_restore();
	crypto_gate_leave();
	pthread_mutex_unlock(&call->session->lock);
	session_free(call->session);
	return rv;
}

CK_RV call_whole(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes in, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_whole(call.operation, in, out)) : rv;
}

CK_RV call_update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_update(call.operation, part)) : rv;
}

CK_RV call_final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_final(call.operation, out)) : rv;
}

CK_RV call_crypt_update(CK_SESSION_HANDLE session, enum operation_kind kind, struct bytes part,
			struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_crypt_update(call.operation, part, out)) : rv;
}

CK_RV call_crypt_final(CK_SESSION_HANDLE session, enum operation_kind kind, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kind, &call);
	return rv == CKR_OK ? call_leave(&call, operation_crypt_final(call.operation, out)) : rv;
}

CK_RV call_dual_update(CK_SESSION_HANDLE session, struct call_pair kinds, struct bytes part, struct operation_out out)
{
	struct call call;
	CK_RV rv = call_enter(session, kinds.crypt, &call);
	if (rv != CKR_OK)
		return rv;
	struct operation *absorber = &call.session->operations[kinds.absorber];
	return call_leave(&call, operation_dual_update(call.operation, absorber, part, out));
}
