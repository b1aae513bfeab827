/* Entry points: digests. PKCS #11 2.40, 5.10. */
#include "pkcs11/call.h"

#include "common/openssl_errors.h"
#include "pkcs11/ckr.h"

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	return call_init(session, OP_DIGEST, mechanism, 0);
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *digest, CK_ULONG *digest_len)
{
	return call_whole(session, OP_DIGEST, (struct bytes){ data, data_len },
			  (struct operation_out){ digest, digest_len });
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
	return call_update(session, OP_DIGEST, (struct bytes){ part, part_len });
}

/* The value that is to be digested. A short key could be found out by its digest, so one that the KBS released, and
 * that may not leave, is not digested either. */
static CK_RV key_value(struct session *s, CK_OBJECT_HANDLE key, struct material **out)
{
	AUTO(object) *o = token_object(s->token, key);
	if (!o || o->class == CKO_CERTIFICATE || o->class == CKO_DATA)
		return CKR_KEY_HANDLE_INVALID;
	if (o->class != CKO_SECRET_KEY || (!o->session && !o->extractable))
		return CKR_KEY_INDIGESTIBLE;
	struct errmsg em;
	openssl_errors_keep();
	enum err e = object_content(o, out, &em);
	openssl_errors_restore();
	if (e != OK)
		return ckr_from_err(e, CKR_CALL_KEY, &em);
	return (*out)->raw && !(*out)->key ? CKR_OK : CKR_KEY_INDIGESTIBLE;
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	struct call call;
	AUTO(session) *s = NULL;
	AUTO(material) *value = NULL;
	CK_RV rv = process_session(session, &s);
	if (rv != CKR_OK)
		return rv;
	if (!session_is_active(s, OP_DIGEST))
		return CKR_OPERATION_NOT_INITIALIZED;
	/* It may have to be fetched: not under the session's lock. */
	CK_RV found = key_value(s, key, &value);
	rv = call_enter(session, OP_DIGEST, &call);
	if (rv != CKR_OK)
		return rv;
	if (found == CKR_OK)
		return call_leave(&call, operation_update(call.operation, secret_bytes(value->raw)));
	operation_end(call.operation);
	return call_leave(&call, found);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE *digest, CK_ULONG *digest_len)
{
	return call_final(session, OP_DIGEST, (struct operation_out){ digest, digest_len });
}
