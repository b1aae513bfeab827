#pragma once
#include "common/err.h"
#include "pkcs11/cryptoki.h"

/* Which codes the standard lists differs from call to call. */
enum ckr_call {
	CKR_CALL_KEY, /* takes a key: C_SignInit, C_DecryptInit, C_DeriveKey, ... */
	CKR_CALL_OBJECT, /* takes an object: C_GetAttributeValue, C_FindObjectsInit, ... */
	CKR_CALL_LOGIN, /* C_Login */
	CKR_CALL_GENERAL, /* C_Initialize and whatever takes a slot */
	CKR_CALL_COUNT_
};

/* The one place where our errors become Cryptoki's. `why` is kept for whoever asks (reason.h). */
CK_RV ckr_from_err(enum err e, enum ckr_call call, const struct errmsg *why);
