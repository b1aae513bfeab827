/* Entry points: encryption, decryption, signatures and their verification by messages. PKCS #11 3.0, 5.9, 5.11, 5.14
 * and 5.16. */
#include "common/crypto_gate.h"
#include "common/openssl_errors.h"
#include "pkcs11/process.h"

static bool is_active(const struct message_process *p)
{
	return p->crypt || p->sign;
}

static bool crypts(enum operation_kind kind)
{
	return kind == OP_ENCRYPT || kind == OP_DECRYPT;
}

/* Whether one was active; with `end` it is no more. */
static bool look(struct session *s, enum operation_kind kind, bool end)
{
	pthread_mutex_lock(&s->lock);
	bool active = is_active(&s->by_messages[kind]);
	if (end)
		message_process_clear(&s->by_messages[kind]);
	pthread_mutex_unlock(&s->lock);
	return active;
}

static CK_RV check(enum operation_kind kind, const CK_MECHANISM *mechanism, struct operation_start *start)
{
	if (crypts(kind))
		return message_check(kind, mechanism, start);
	CK_RV rv = operation_check(kind, mechanism, start);
	return rv == CKR_OK ? message_sign_check(start) : rv;
}

/* Puts the process there unless another thread was first. */
static CK_RV publish(struct session *s, enum operation_kind kind, struct message_process *made)
{
	pthread_mutex_lock(&s->lock);
	bool active = is_active(&s->by_messages[kind]);
	if (!active) {
		s->by_messages[kind] = *made;
		*made = (struct message_process){ NULL, NULL };
	}
	pthread_mutex_unlock(&s->lock);
	return active ? CKR_OPERATION_ACTIVE : CKR_OK;
}

static CK_RV make(struct session *s, struct operation_start *start)
{
	struct message_process made = { NULL, NULL };
	crypto_gate_enter();
	CK_RV rv = crypts(start->kind) ? message_new(start, &made.crypt) : message_sign_new(start, &made.sign);
	crypto_gate_leave();
	if (rv == CKR_OK)
		rv = publish(s, start->kind, &made);
	message_process_clear(&made);
	return rv;
}

static CK_RV init(CK_SESSION_HANDLE session, enum operation_kind kind, const CK_MECHANISM *mechanism,
		  CK_OBJECT_HANDLE key)
{
	AUTO(session) *s = NULL;
	struct operation_start start;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	bool active = look(s, kind, !mechanism);
	if (!mechanism)
		return active ? CKR_OK : CKR_ARGUMENTS_BAD;
	if (active)
		return CKR_OPERATION_ACTIVE;
	rv = check(kind, mechanism, &start);
	if (rv != CKR_OK)
		return rv;
	/* The key may have to be fetched: not under the session's lock. */
	AUTO(object) *o = token_object(s->token, key);
	openssl_errors_keep();
	rv = operation_check_key(&start, o);
	if (rv == CKR_OK)
		rv = make(s, &start);
	operation_start_clear(&start);
	openssl_errors_restore();
	return rv;
}

/* One call of a process that is active, with its session locked. */
struct message_entry {
	struct session *session;
	struct message_process *process;
};

/* CKR_OK: leave() is due. */
static CK_RV enter(CK_SESSION_HANDLE session, enum operation_kind kind, struct message_entry *out)
{
	CK_RV rv = process_session(session, &out->session);
	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&out->session->lock);
	out->process = &out->session->by_messages[kind];
	if (is_active(out->process)) {
		crypto_gate_enter();
		openssl_errors_keep();
		return CKR_OK;
	}
	pthread_mutex_unlock(&out->session->lock);
	session_free(out->session);
	return CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV leave(struct message_entry *entry, CK_RV rv)
{
	openssl_errors_restore();
	crypto_gate_leave();
	pthread_mutex_unlock(&entry->session->lock);
	session_free(entry->session);
	return rv;
}

static CK_RV final(CK_SESSION_HANDLE session, enum operation_kind kind)
{
	struct message_entry entry;
	CK_RV rv = enter(session, kind, &entry);
	if (rv != CKR_OK)
		return rv;
	struct message_process *p = entry.process;
	if (p->crypt ? message_in_parts(p->crypt) : message_sign_in_parts(p->sign))
		return leave(&entry, CKR_OPERATION_ACTIVE);
	message_process_clear(p);
	return leave(&entry, CKR_OK);
}

/* --- encryption and decryption ----------------------------------------------------------------------------------- */

static CK_RV crypt_whole(CK_SESSION_HANDLE session, enum operation_kind kind, const struct message_call *call,
			 struct bytes in, struct operation_out out)
{
	struct message_entry entry;
	CK_RV rv = enter(session, kind, &entry);
	return rv == CKR_OK ? leave(&entry, message_whole(entry.process->crypt, call, in, out)) : rv;
}

static CK_RV crypt_begin(CK_SESSION_HANDLE session, enum operation_kind kind, const struct message_call *call)
{
	struct message_entry entry;
	CK_RV rv = enter(session, kind, &entry);
	return rv == CKR_OK ? leave(&entry, message_begin(entry.process->crypt, call)) : rv;
}

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_ENCRYPT, mechanism, key);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
		       CK_ULONG aad_len, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *encrypted, CK_ULONG *encrypted_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return crypt_whole(session, OP_ENCRYPT, &call, (struct bytes){ data, data_len },
			   (struct operation_out){ encrypted, encrypted_len });
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
			    CK_ULONG aad_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return crypt_begin(session, OP_ENCRYPT, &call);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			   CK_ULONG part_len, CK_BYTE *encrypted, CK_ULONG *encrypted_len, CK_FLAGS flags)
{
	struct message_entry entry;
	struct message_call call = { parameter, parameter_len, { NULL, 0 } };
	CK_RV rv = enter(session, OP_ENCRYPT, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_next(entry.process->crypt, &call, (struct bytes){ part, part_len },
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
	return crypt_whole(session, OP_DECRYPT, &call, (struct bytes){ encrypted, encrypted_len },
			   (struct operation_out){ data, data_len });
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *aad,
			    CK_ULONG aad_len)
{
	struct message_call call = { parameter, parameter_len, { aad, aad_len } };
	return crypt_begin(session, OP_DECRYPT, &call);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *encrypted,
			   CK_ULONG encrypted_len, CK_BYTE *part, CK_ULONG *part_len, CK_FLAGS flags)
{
	struct message_entry entry;
	struct message_call call = { parameter, parameter_len, { NULL, 0 } };
	CK_RV rv = enter(session, OP_DECRYPT, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_next(entry.process->crypt, &call, (struct bytes){ encrypted, encrypted_len },
					  (struct operation_out){ part, part_len }, flags));
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_DECRYPT);
}

/* --- signatures and their verification --------------------------------------------------------------------------- */

/* There are no parameters for each message. */
static CK_RV enter_without(CK_SESSION_HANDLE session, enum operation_kind kind, bool parameter,
			   struct message_entry *out)
{
	CK_RV rv = enter(session, kind, out);
	return rv == CKR_OK && parameter ? leave(out, CKR_MECHANISM_PARAM_INVALID) : rv;
}

static CK_RV sign_begin(CK_SESSION_HANDLE session, enum operation_kind kind, bool parameter)
{
	struct message_entry entry;
	CK_RV rv = enter_without(session, kind, parameter, &entry);
	return rv == CKR_OK ? leave(&entry, message_sign_begin(entry.process->sign)) : rv;
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return init(session, OP_SIGN, mechanism, key);
}

CK_RV C_SignMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *data,
		    CK_ULONG data_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct message_entry entry;
	CK_RV rv = enter_without(session, OP_SIGN, parameter || parameter_len, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_sign_whole(entry.process->sign, (struct bytes){ data, data_len },
						(struct operation_out){ signature, signature_len }));
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len)
{
	return sign_begin(session, OP_SIGN, parameter || parameter_len);
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			CK_ULONG part_len, CK_BYTE *signature, CK_ULONG *signature_len)
{
	struct message_entry entry;
	CK_RV rv = enter_without(session, OP_SIGN, parameter || parameter_len, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_sign_next(entry.process->sign, (struct bytes){ part, part_len },
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
	struct message_entry entry;
	CK_RV rv = enter_without(session, OP_VERIFY, parameter || parameter_len, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_verify_whole(entry.process->sign, (struct bytes){ data, data_len },
						  (struct bytes){ signature, signature_len }));
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len)
{
	return sign_begin(session, OP_VERIFY, parameter || parameter_len);
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_len, CK_BYTE *part,
			  CK_ULONG part_len, CK_BYTE *signature, CK_ULONG signature_len)
{
	struct message_entry entry;
	CK_RV rv = enter_without(session, OP_VERIFY, parameter || parameter_len, &entry);
	if (rv != CKR_OK)
		return rv;
	return leave(&entry, message_verify_next(entry.process->sign, (struct bytes){ part, part_len },
						 (struct bytes){ signature, signature_len }));
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_VERIFY);
}
