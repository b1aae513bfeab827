#include "pkcs11/message_sign.h"

struct message_sign {
	struct operation operation; /* active: a message is begun, or may be at once */
	struct operation_start start; /* its material is a reference */
	CK_MECHANISM mechanism; /* what start.from points to */
	CK_RSA_PKCS_PSS_PARAMS parameter; /* the largest there is */
	bool in_parts;
	bool needs_login;
};

/* Their parameters are plain, and may be kept. */
static bool is_plain(const struct mechanism *m)
{
	return m->ops == &mech_rsa_pss || m->ops == &mech_hmac || m->ops == &mech_cmac;
}

bool message_sign_takes(const struct mechanism *m)
{
	CK_MECHANISM bare = { m->type, NULL, 0 };
	struct mechanism_params params = { .hash = "" };
	return is_plain(m) || (m->ops && m->ops->check(m, &bare, &params) == CKR_OK);
}

CK_RV message_sign_check(const struct operation_start *start)
{
	CK_ULONG len = start->from->ulParameterLen;
	bool plain = is_plain(start->mechanism) && len <= sizeof(((struct message_sign *)NULL)->parameter);
	return !len || plain ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV begin(struct message_sign *m)
{
	if (m->operation.mechanism)
		return CKR_OK;
	struct operation_start start = m->start;
	start.material = material_ref(m->start.material);
	CK_RV rv = operation_begin(&m->operation, &start);
	operation_start_clear(&start);
	return rv;
}

CK_RV message_sign_new(struct operation_start *start, struct message_sign **out)
{
	AUTO(message_sign) *m = calloc(1, sizeof(*m));
	if (!m)
		return CKR_HOST_MEMORY;
	m->start = *start;
	m->start.material = steal(&start->material);
	m->start.from = &m->mechanism;
	m->mechanism.mechanism = start->from->mechanism;
	if (start->from->ulParameterLen) {
		memcpy(&m->parameter, start->from->pParameter, start->from->ulParameterLen);
		m->mechanism.pParameter = &m->parameter;
		m->mechanism.ulParameterLen = start->from->ulParameterLen;
	}
	m->needs_login = start->needs_login;
	m->start.needs_login = false;
	CK_RV rv = begin(m);
	if (rv == CKR_OK)
		*out = steal(&m);
	return rv;
}

void message_sign_free(struct message_sign *m)
{
	if (!m)
		return;
	operation_clear(&m->operation);
	operation_start_clear(&m->start);
	free(m);
}

bool message_sign_in_parts(const struct message_sign *m)
{
	return m->in_parts;
}

bool message_sign_awaits_login(const struct message_sign *m)
{
	return m->needs_login;
}

void message_sign_login(struct message_sign *m)
{
	m->needs_login = false;
}

/* At the start of a message. */
static CK_RV start_message(struct message_sign *m)
{
	if (m->in_parts)
		return CKR_OPERATION_ACTIVE;
	return m->needs_login ? CKR_USER_NOT_LOGGED_IN : begin(m);
}

CK_RV message_sign_whole(struct message_sign *m, struct bytes in, struct operation_out out)
{
	CK_RV rv = start_message(m);
	return rv == CKR_OK ? operation_whole(&m->operation, in, out) : rv;
}

CK_RV message_verify_whole(struct message_sign *m, struct bytes in, struct bytes signature)
{
	CK_RV rv = start_message(m);
	return rv == CKR_OK ? operation_verify(&m->operation, in, signature) : rv;
}

CK_RV message_sign_begin(struct message_sign *m)
{
	CK_RV rv = start_message(m);
	if (rv == CKR_OK && !operation_takes_parts(&m->operation))
		rv = CKR_FUNCTION_NOT_SUPPORTED;
	m->in_parts = m->in_parts || rv == CKR_OK;
	return rv;
}

/* The part, and after the last one the result. */
static CK_RV end_part(struct message_sign *m, CK_RV rv, bool last)
{
	if (rv != CKR_OK || last) {
		m->in_parts = false;
		operation_end(&m->operation);
	}
	return rv;
}

CK_RV message_sign_next(struct message_sign *m, struct bytes part, struct operation_out out)
{
	if (!m->in_parts)
		return CKR_OPERATION_NOT_INITIALIZED;
	if (out.len) {
		/* A part that is only asked the size with must not have been taken. */
		CK_ULONG need = operation_result_size(&m->operation);
		bool fits = *out.len >= need;
		if (!out.data || !fits) {
			*out.len = need;
			return out.data ? CKR_BUFFER_TOO_SMALL : CKR_OK;
		}
	}
	CK_RV rv = operation_update(&m->operation, part);
	if (rv == CKR_OK && out.len)
		rv = operation_final(&m->operation, out);
	return end_part(m, rv, out.len != NULL);
}

CK_RV message_verify_next(struct message_sign *m, struct bytes part, struct bytes signature)
{
	if (!m->in_parts)
		return CKR_OPERATION_NOT_INITIALIZED;
	CK_RV rv = operation_update(&m->operation, part);
	if (rv == CKR_OK && signature.data)
		rv = operation_verify_final(&m->operation, signature);
	return end_part(m, rv, signature.data != NULL);
}
