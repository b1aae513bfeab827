#include "keywrap/cryptoki_error.h"

#include "common/cleanup.h"

#include <stdio.h>

#define ROW(code, e)                                                                                                   \
	{                                                                                                              \
		code, #code, e                                                                                         \
	}

static const struct {
	CK_RV rv;
	const char *name;
	enum err e;
} codes[] = {
	ROW(CKR_HOST_MEMORY, ERR_NOMEM),
	ROW(CKR_SLOT_ID_INVALID, ERR_NET),
	ROW(CKR_GENERAL_ERROR, ERR_PROTO),
	ROW(CKR_FUNCTION_FAILED, ERR_PROTO),
	ROW(CKR_ARGUMENTS_BAD, ERR_PROTO),
	ROW(CKR_NEED_TO_CREATE_THREADS, ERR_PROTO),
	ROW(CKR_CANT_LOCK, ERR_PROTO),
	ROW(CKR_ATTRIBUTE_SENSITIVE, ERR_PROTO),
	ROW(CKR_ATTRIBUTE_TYPE_INVALID, ERR_PROTO),
	ROW(CKR_ATTRIBUTE_VALUE_INVALID, ERR_PROTO),
	ROW(CKR_DATA_INVALID, ERR_KEY),
	ROW(CKR_DATA_LEN_RANGE, ERR_KEY),
	ROW(CKR_DEVICE_ERROR, ERR_PROTO),
	ROW(CKR_DEVICE_MEMORY, ERR_PROTO),
	ROW(CKR_DEVICE_REMOVED, ERR_NET),
	ROW(CKR_ENCRYPTED_DATA_INVALID, ERR_KEY),
	ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, ERR_KEY),
	ROW(CKR_FUNCTION_CANCELED, ERR_PROTO),
	ROW(CKR_FUNCTION_NOT_SUPPORTED, ERR_UNSUPPORTED),
	ROW(CKR_FUNCTION_REJECTED, ERR_DENIED),
	ROW(CKR_KEY_HANDLE_INVALID, ERR_KEY),
	ROW(CKR_KEY_SIZE_RANGE, ERR_UNSUPPORTED),
	ROW(CKR_KEY_TYPE_INCONSISTENT, ERR_KEY),
	ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_KEY),
	ROW(CKR_MECHANISM_INVALID, ERR_UNSUPPORTED),
	ROW(CKR_MECHANISM_PARAM_INVALID, ERR_UNSUPPORTED),
	ROW(CKR_OBJECT_HANDLE_INVALID, ERR_KEY),
	ROW(CKR_OPERATION_ACTIVE, ERR_PROTO),
	ROW(CKR_OPERATION_NOT_INITIALIZED, ERR_PROTO),
	ROW(CKR_PIN_INCORRECT, ERR_AUTH),
	ROW(CKR_PIN_INVALID, ERR_AUTH),
	ROW(CKR_PIN_LEN_RANGE, ERR_AUTH),
	ROW(CKR_PIN_EXPIRED, ERR_AUTH),
	ROW(CKR_PIN_LOCKED, ERR_AUTH),
	ROW(CKR_SESSION_CLOSED, ERR_NET),
	ROW(CKR_SESSION_COUNT, ERR_BUSY),
	ROW(CKR_SESSION_HANDLE_INVALID, ERR_NET),
	ROW(CKR_TEMPLATE_INCOMPLETE, ERR_PROTO),
	ROW(CKR_TEMPLATE_INCONSISTENT, ERR_PROTO),
	ROW(CKR_TOKEN_NOT_PRESENT, ERR_NET),
	ROW(CKR_TOKEN_NOT_RECOGNIZED, ERR_NET),
	ROW(CKR_USER_NOT_LOGGED_IN, ERR_DENIED),
	ROW(CKR_USER_PIN_NOT_INITIALIZED, ERR_AUTH),
	ROW(CKR_USER_TYPE_INVALID, ERR_PROTO),
	ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERR_AUTH),
	ROW(CKR_BUFFER_TOO_SMALL, ERR_PROTO),
	ROW(CKR_CRYPTOKI_NOT_INITIALIZED, ERR_NET),
	ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, ERR_PROTO),
};

const char *cryptoki_name(CK_RV rv, struct cryptoki_name *room)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].rv == rv)
			return codes[i].name;
	snprintf(room->text, sizeof(room->text), "CKR 0x%08lx", rv);
	return room->text;
}

enum err cryptoki_check(CK_RV rv, const char *function, struct errmsg *em)
{
	struct cryptoki_name room;
	if (rv == CKR_OK)
		return OK;
	enum err e = ERR_PROTO;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].rv == rv)
			e = codes[i].e;
	return err_set(em, e, "%s: %s", function, cryptoki_name(rv, &room));
}

bool cryptoki_session_lost(CK_RV rv)
{
	return rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED || rv == CKR_DEVICE_REMOVED ||
	       rv == CKR_CRYPTOKI_NOT_INITIALIZED;
}
