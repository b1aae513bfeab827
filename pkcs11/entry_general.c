/* Entry points: general purpose, slots and tokens. PKCS #11 2.40, 5.4 and 5.5; 3.0, 5.4 for interfaces. */
#include "pkcs11/function_list.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/message_sign.h"
#include "pkcs11/process.h"

#include "config.h"

#include <stdio.h>

CK_RV C_Initialize(CK_VOID_PTR args)
{
	return process_initialize(args);
}

CK_RV C_Finalize(CK_VOID_PTR reserved)
{
	if (reserved)
		return process_check() == CKR_CRYPTOKI_NOT_INITIALIZED ? CKR_CRYPTOKI_NOT_INITIALIZED
								       : CKR_ARGUMENTS_BAD;
	return process_finalize();
}

static CK_VERSION library_version(void)
{
	unsigned major = 0, minor = 0;
	if (sscanf(PACKAGE_VERSION, "%u.%u", &major, &minor) != 2)
		return (CK_VERSION){ 0, 0 };
	return (CK_VERSION){ (CK_BYTE)major, (CK_BYTE)minor };
}

CK_RV C_GetInfo(CK_INFO *info)
{
	CK_RV rv = process_check();
	if (rv != CKR_OK)
		return rv;
	if (!info)
		return CKR_ARGUMENTS_BAD;
	memset(info, 0, sizeof(*info));
	info->cryptokiVersion = function_list_3_0.version;
	info->libraryVersion = library_version();
	token_pad(info->manufacturerID, sizeof(info->manufacturerID), "kbs-pkcs11");
	token_pad(info->libraryDescription, sizeof(info->libraryDescription), "Keys released by a KBS");
	return CKR_OK;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	/* A token is there, whether or not its KBS can be reached. */
	CK_RV rv = process_check();
	if (rv != CKR_OK)
		return rv;
	return count ? process_slots(present, slots, count) : CKR_ARGUMENTS_BAD;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_RV rv = process_check();
	if (rv == CKR_OK && !info)
		rv = CKR_ARGUMENTS_BAD;
	return rv == CKR_OK ? process_slot_info(slot, info) : rv;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = process_check();
	if (rv == CKR_OK && !info)
		rv = CKR_ARGUMENTS_BAD;
	return rv == CKR_OK ? process_token_info(slot, info) : rv;
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, CK_VOID_PTR reserved)
{
	CK_RV rv = process_check();
	if (rv != CKR_OK)
		return rv;
	if (!slot || reserved)
		return CKR_ARGUMENTS_BAD;
	return flags & CKF_DONT_BLOCK ? CKR_NO_EVENT : process_wait();
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	AUTO(token) *token = NULL;
	CK_RV rv = process_token(slot, &token);
	if (rv != CKR_OK)
		return rv;
	if (!count)
		return CKR_ARGUMENTS_BAD;
	CK_ULONG room = *count;
	*count = mechanism_list(NULL);
	if (!list)
		return CKR_OK;
	if (room < *count)
		return CKR_BUFFER_TOO_SMALL;
	mechanism_list(list);
	return CKR_OK;
}

/* 3.0: what the C_Message functions do with it. */
static CK_FLAGS message_flags(const struct mechanism *m)
{
	if (m->type == CKM_AES_GCM || m->type == CKM_AES_CCM)
		return CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
	if (!(m->flags & CKF_SIGN) || !message_sign_takes(m))
		return 0;
	bool parts = m->hash || (m->ops && m->ops->absorb);
	return CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | (parts ? CKF_MULTI_MESSAGE : 0);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	AUTO(token) *token = NULL;
	CK_RV rv = process_token(slot, &token);
	if (rv != CKR_OK)
		return rv;
	if (!info)
		return CKR_ARGUMENTS_BAD;
	const struct mechanism *m = mechanism_find(type);
	if (!m)
		return CKR_MECHANISM_INVALID;
	info->ulMinKeySize = m->min_bits;
	info->ulMaxKeySize = m->max_bits;
	info->flags = m->flags | message_flags(m);
	return CKR_OK;
}

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG pin_len, CK_UTF8CHAR *label)
{
	CK_TOKEN_INFO info;
	CK_RV rv = process_token_info(slot, &info);
	if (rv != CKR_OK)
		return rv;
	if ((pin_len && !pin) || !label)
		return CKR_ARGUMENTS_BAD;
	return info.ulSessionCount ? CKR_SESSION_EXISTS : CKR_TOKEN_WRITE_PROTECTED;
}
